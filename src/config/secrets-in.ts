import type { Config, ProviderConfig } from './config.ts'

/** Settings of cloud keys that are no secret: everybody who may see the configuration's shape may know them. */
const open = new Set(['region', 'project', 'location', 'tenant_id', 'client_id', 'access_key_id'])
const secretHeader = /auth|key|token|secret|cookie/

/** All values of a configuration that nothing which is kept or shown may hold. */
export function secretsIn({
  auth,
  providers,
  virtualKeys,
  store,
  tracing,
}: Config): readonly string[] {
  return [
    auth.admin.password,
    ...virtualKeys.map(({ value }) => value),
    ...[...providers.values()].flatMap(secretsOf),
    passwordIn(store.url),
    passwordIn(tracing?.url ?? null),
    ...Object.values(tracing?.headers ?? {}).flatMap(wordsOf),
  ].filter((secret) => secret !== null && secret !== '') as readonly string[]
}

function secretsOf({ keys, headers, proxy }: ProviderConfig): readonly (string | null)[] {
  return [
    ...(keys ?? []).flatMap(({ value, cloud }) => [
      value,
      ...Object.entries(cloud).flatMap(([name, each]) => (open.has(name) ? [] : [each])),
    ]),
    ...Object.entries(headers).flatMap(([name, value]) =>
      secretHeader.test(name) ? wordsOf(value) : [],
    ),
    passwordIn(proxy),
  ]
}

/** `Bearer abc` is repeated without its first word as well. */
const wordsOf = (value: string): readonly string[] => [value, ...value.split(/\s+/).slice(1)]

function passwordIn(url: string | null): string | null {
  const password = url === null ? null : URL.parse(url)?.password
  return password ? decodeURIComponent(password) : null
}
