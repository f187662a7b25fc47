import type { Static } from 'typebox'
import { parseDuration } from '../../config/units.ts'
import { newCall } from '../../core/call.ts'
import { GatewayError } from '../../core/errors.ts'
import { settle } from '../../gateway/settle.ts'
import { keysFor, type Provider } from '../../gateway/snapshot.ts'
import { adminPrincipal } from '../../governance/admin-door.ts'
import { lookAtChat, scanRequest } from '../../wire/openai-chat/look.ts'
import { usualTokensOf } from '../../wire/openai-chat/prompt-size.ts'
import type { AdminDeps } from './admin-deps.ts'
import { invalid } from './check-fields.ts'
import type { testProvider } from './contract-providers.ts'
import { findProvider, nameOf, readKnown } from './provider-lookup.ts'

type Asked = Static<typeof testProvider.body>
type Answered = Static<typeof testProvider.reply>
type Result = Answered['results'][number]
type ProbeDeps = Pick<
  AdminDeps,
  'gateway' | 'runtime' | 'settling' | 'store' | 'providers' | 'sealer'
>

const usualMs = 10_000
const longestMs = 60_000
const keysAtMost = 20

/** Makes the calls, all at once. Throws `not_found` and `invalid_request` for what cannot be asked at all. */
export async function testCalls(
  given: string,
  { key, model, timeout }: Asked,
  deps: ProbeDeps,
): Promise<Answered> {
  const limitMs = timeout === undefined ? usualMs : parseDuration(timeout)
  if (limitMs < 1 || limitMs > longestMs)
    throw invalid('timeout', '"timeout" must be above 0 and at most 60s')
  const name = await inForce(given, deps)
  const provider = deps.gateway.snapshot.providers.get(name)
  if (!provider) throw notInForce(name)
  const asked = model ?? knownModel(provider, key ?? null)
  const keys = keysToTest(provider, asked, key ?? null)
  const probe = (each: string | null) => call(provider, asked, each, limitMs, deps)
  return { object: 'provider_test', provider: name, results: await Promise.all(keys.map(probe)) }
}

async function inForce(given: string, deps: ProbeDeps): Promise<string> {
  const found = findProvider(given, await readKnown(deps))
  const name = nameOf(found)
  const { problems } = deps.providers.standing()
  const isShadowed = found.kind === 'api' && deps.providers.file().providers.has(name)
  if (found.kind === 'api' && (isShadowed || problems.has(found.row.id)))
    throw notInForce(name, problems.get(found.row.id))
  return name
}

const notInForce = (name: string, why?: string): GatewayError =>
  new GatewayError(
    'invalid_request',
    `Provider "${name}" is not in force${why === undefined ? '' : `: ${why}`}`,
  )

function knownModel({ adapter, config }: Provider, key: string | null): string {
  const keys = (config.keys ?? []).filter(({ name }) => key === null || name === key)
  const names = [
    ...keys.flatMap(({ models }) => models ?? []),
    ...(config.deployments?.keys() ?? []),
    ...(adapter.models ?? []),
  ]
  const found = names.find((each) => !each.includes('*'))
  if (found === undefined)
    throw invalid('model', `"model" must be given: no model of "${config.name}" is known here`)
  return found
}

/** Names; null: it is called without a key. */
function keysToTest(
  provider: Provider,
  model: string,
  key: string | null,
): readonly (string | null)[] {
  const keys = keysFor(provider, model)
  if (keys === null) {
    if (key !== null) throw invalid('key', `Provider "${provider.name}" is called without a key`)
    return [null]
  }
  const names = keys.map(({ name }) => name)
  if (key !== null && !names.includes(key))
    throw invalid(
      'key',
      `Provider "${provider.name}" has no key "${key}" in force that serves "${model}"`,
    )
  if (names.length === 0)
    throw invalid('model', `No key of "${provider.name}" in force serves "${model}"`)
  return key === null ? names.slice(0, keysAtMost) : [key]
}

async function call(
  { name, config: { type } }: Provider,
  model: string,
  key: string | null,
  limitMs: number,
  { gateway, runtime, settling }: ProbeDeps,
): Promise<Result> {
  const { clock, newId } = runtime
  const id = newId()
  const made = newCall({
    ...{ id, requestId: id, surface: 'openai', client: null, trace: null },
    route: '/api/providers/{name}/test',
    startedAt: clock.now(),
    startedMs: clock.monotonic(),
  })
  made.principal = adminPrincipal
  const body = Buffer.from(JSON.stringify(question(`${name}/${model}`, type)))
  made.bytesIn = body.length
  const look = lookAtChat(body, await scanRequest(body, () => clock.sleep(0)), false)
  const late = new AbortController()
  const timer = clock.timer(limitMs, () =>
    late.abort(new GatewayError('upstream_timeout', `There was no answer within ${limitMs} ms`)),
  )
  const extras = { headers: null, pinnedKey: key, session: null, apiVersion: null }
  try {
    await gateway.chat(made, adminPrincipal, look, null, extras, late.signal)
  } catch (thrown) {
    made.error = GatewayError.from(thrown)
    made.status = made.error.status
  } finally {
    timer.cancel()
    settle(made, () => usualTokensOf(look), 0, settling)
  }
  const last = made.attempts.at(-1)
  const { error } = made
  return {
    key,
    ok: error === null,
    model,
    status: last?.status ?? error?.facts.upstreamStatus ?? null,
    error: error?.code ?? null,
    message: error && (error.facts.inItsWords ? 'The provider refused the request' : error.message),
    latency_ms: last ? Math.round((last.endedMs ?? clock.monotonic()) - last.startedMs) : null,
    attempts: made.attempts.length,
  }
}

/** As little as a model can be asked; newer models of OpenAI know the bound by another name alone. */
const question = (model: string, type: string): object => ({
  model,
  messages: [{ role: 'user', content: 'Say ok.' }],
  [type === 'openai' || type === 'azure' ? 'max_completion_tokens' : 'max_tokens']: 16,
})
