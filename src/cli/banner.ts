import type { LoadedConfig } from '../config/load.ts'
import type { Identity } from './first-run.ts'

/** What a newcomer needs, and nothing that scrolls it away: a call that works, addresses, where the secrets are. */
export function renderBanner(
  { config, file, foundInEnvironment, notInForce, warnings }: LoadedConfig,
  identity: Identity,
  facts: {
    readonly port: number
    readonly version: string
    readonly terminal: boolean
    readonly firstRunFile: string | null
  },
): string {
  const host = ['0.0.0.0', '::', '::0'].includes(config.server.host)
    ? '127.0.0.1'
    : config.server.host
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${facts.port}`
  const { key, password } = identity.generated
  // Elsewhere than on a terminal this ends up in a log, where no secret may be.
  const shownKey = key !== null && facts.terminal ? key : '$SLUICE_KEY'
  const model = [...config.providers.values()].some(({ type }) => type === 'demo')
    ? 'demo/hello'
    : firstModel(config)
  const lines = [
    '',
    `  sluice ${facts.version}    data ${config.dataDir}    config ${file ?? 'none (defaults)'}`,
    '',
    '  Providers',
    ...[...config.providers.values()].map(({ name, type }) => {
      const found = foundInEnvironment.find(({ provider }) => provider === name)
      const how =
        type === 'demo'
          ? 'built in, offline, free'
          : found
            ? `${found.variable} ${found.shown}`
            : type
      return `    ${name.padEnd(12)}${how}`
    }),
    '',
    '  Try it now',
    ...(shownKey === '$SLUICE_KEY' ? whereKeysAre(config, facts.firstRunFile) : []),
    `    curl ${url}/v1/chat/completions \\`,
    `      -H "Authorization: Bearer ${shownKey}" \\`,
    '      -H "Content-Type: application/json" \\',
    `      -d '{"model":"${model}","messages":[{"role":"user","content":"hi"}]}'`,
    '',
    `  Your code     OPENAI_BASE_URL=${url}/openai/v1  OPENAI_API_KEY=${shownKey}`,
    `  Azure code    AZURE_OPENAI_ENDPOINT=${url}  AZURE_OPENAI_API_KEY=${shownKey}`,
    `  Description   ${url}/docs`,
    `  Dashboard     ${url}/`,
    ...(password !== null && facts.terminal
      ? [`  Admin         ${config.auth.admin.username} / ${password}`]
      : []),
    ...(facts.firstRunFile
      ? [
          `  Kept in ${facts.firstRunFile} (mode 0600)${facts.terminal ? '. The key and the password are not printed again.' : ''}`,
        ]
      : []),
    ...warnings.map((warning) => `  Warning: ${warning}`),
    ...(notInForce.length > 0 ? [notInForceLine(notInForce)] : []),
    '',
  ]
  return `${lines.join('\n')}\n`
}

function whereKeysAre(
  { virtualKeys }: LoadedConfig['config'],
  firstRunFile: string | null,
): readonly string[] {
  if (virtualKeys.length > 0) {
    const names = virtualKeys.slice(0, 3).map(({ name }) => name)
    return [
      `    # SLUICE_KEY is one of the virtual keys of the configuration (${names.join(', ')})`,
    ]
  }
  return firstRunFile ? [`    export SLUICE_KEY=$(grep -o 'sk-bf-[0-9a-f-]*' ${firstRunFile})`] : []
}

const notInForceLine = (names: readonly string[]): string =>
  `  not in force in this version: ${names.join(', ')}`

function firstModel({ models, providers }: LoadedConfig['config']): string {
  const [named] = models.keys()
  const [provider] = providers.keys()
  return named ?? `${provider ?? 'openai'}/MODEL`
}
