import { isIP } from 'node:net'
import { compileAllowance } from './compile-allowance.ts'
import { type CompileContext, reportRepeated } from './compile-context.ts'
import type { AuthConfig, VirtualKeyConfig } from './config.ts'
import type { RawConfig, RawVirtualKey } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'

const virtualKeyPattern = /^sk-bf-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const timePattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/
// The caller's own credentials and what frames the request never go to a provider.
const neverForwarded =
  /^(authorization|api-key|x-api-key|x-goog-api-key|cookie|host|connection|keep-alive|proxy-.+|te|trailer|transfer-encoding|upgrade|expect|content-.+|accept-encoding|x-amz-.+|x-bf-.+|openai-organization|openai-project|x-goog-user-project)$/i

export function compileAuth(raw: RawConfig, context: CompileContext): AuthConfig {
  const { inference, admin, anonymous } = raw.auth
  if (admin.username.includes(':'))
    context.report(['auth', 'admin', 'username'], 'a name with ":" cannot be sent as Basic.')
  if (anonymous && inference === 'required')
    context.warn('auth.anonymous has no effect while auth.inference is required.')
  return {
    inference,
    admin: { username: admin.username, password: admin.password ?? null },
    anonymous: anonymous
      ? { models: anonymous.models ?? null, ...compileAllowance(anonymous) }
      : null,
  }
}

export function compileVirtualKeys(raw: RawConfig, context: CompileContext): VirtualKeyConfig[] {
  const keys = raw.virtual_keys
  const at = (i: number, name: string): Path => ['virtual_keys', i, name]
  reportRepeated(
    keys,
    (key) => key.name,
    (i) => context.report(at(i, 'name'), `there are two virtual keys named "${keys[i]?.name}".`),
  )
  reportRepeated(
    keys,
    (key) => key.value.toLowerCase(),
    (i, first) =>
      context.report(
        at(i, 'value'),
        `the virtual keys "${keys[first]?.name}" and "${keys[i]?.name}" have the same value.`,
      ),
  )
  return keys.map((key, i) => compileVirtualKey(key, ['virtual_keys', i], context))
}

function compileVirtualKey(
  key: RawVirtualKey,
  path: Path,
  { report }: CompileContext,
): VirtualKeyConfig {
  if (!virtualKeyPattern.test(key.value)) {
    const at = [...path, 'value']
    report(at, `${showPath(at)} must be "sk-bf-" and a UUID. "sluice keys create" makes one.`)
  }
  const expiresAt = key.expires_at === undefined ? null : Date.parse(key.expires_at)
  if (key.expires_at !== undefined && !(timePattern.test(key.expires_at) && expiresAt)) {
    const at = [...path, 'expires_at']
    report(at, `${showPath(at)} must be a time with its zone such as 2027-01-01T00:00:00Z.`)
  }
  for (const [i, name] of (key.forward_headers ?? []).entries())
    if (neverForwarded.test(name))
      report([...path, 'forward_headers', i], `the header "${name}" is never forwarded.`)
  return {
    name: key.name,
    value: key.value,
    models: key.models ?? null,
    providers: key.providers ?? null,
    providerKeys: key.provider_keys ?? null,
    team: key.team ?? null,
    customer: key.customer ?? null,
    metadata: key.metadata,
    ...compileAllowance(key),
    expiresAt,
    enabled: key.enabled,
    allowPinning: key.allow_pinning,
    logContent: key.log_content,
    forwardHeaders: (key.forward_headers ?? []).map((name) => name.toLowerCase()),
  }
}

/** Whether it names one address or a CIDR range. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
}
