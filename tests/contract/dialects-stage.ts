import { createAnthropicModel } from '../support/models/anthropic-model.ts'
import { createBedrockModel } from '../support/models/bedrock-model.ts'
import { createCohereModel } from '../support/models/cohere-model.ts'
import { createGeminiModel } from '../support/models/gemini-model.ts'
import type { ScriptedModel } from '../support/models/scripted-model.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import type { SeenRequest } from '../support/upstream-request.ts'
import { json, type Steps } from '../support/upstream-script.ts'
import { keys } from './stage.ts'

export interface Dialect {
  readonly provider: string
  readonly model: string
  readonly scripted: ScriptedModel
  /** Of the same kind, and content with calls that another provider made. */
  readonly lenient: ScriptedModel
  /** Seconds, where the provider has a way of asking to wait. */
  readonly saysWhen: boolean
  readonly overloadedStatus: number
  readonly countsThoughts?: true
}

/** `takesForeign`: for conversations in which another provider made the calls. */
const anthropicAt = (place: 'own' | 'vertex') => (takesForeign: boolean) =>
  createAnthropicModel({ place, takesForeign })
const geminiAt = (place: 'own' | 'vertex') => (takesForeign: boolean) =>
  createGeminiModel({ place, takesForeign })
const google = { saysWhen: true, overloadedStatus: 503, countsThoughts: true } as const
const claude = { saysWhen: true, overloadedStatus: 502 } as const
const silent = { saysWhen: false, overloadedStatus: 503 } as const
const converse = 'anthropic.claude-sonnet-4-5-20250929-v1:0'

export const dialects: readonly Dialect[] = (
  [
    ['anthropic', 'claude-sonnet-4-5', anthropicAt('own'), claude],
    ['anthropic', 'claude-opus-4-7', anthropicAt('own'), claude],
    ['gemini', 'gemini-2.5-flash', geminiAt('own'), google],
    ['gemini', 'gemini-3-pro-preview', geminiAt('own'), google],
    ['vertex', 'gemini-3-flash-preview', geminiAt('vertex'), google],
    ['vertex', 'claude-sonnet-4-5', anthropicAt('vertex'), claude],
    ['bedrock', converse, () => createBedrockModel(), silent],
    [
      'cohere',
      'command-a-reasoning-08-2025',
      (takesForeign) => createCohereModel({ takesForeign }),
      silent,
    ],
  ] satisfies [string, string, (takesForeign: boolean) => ScriptedModel, object][]
).map(([provider, model, create, facts]) => ({
  provider,
  model,
  scripted: create(false),
  lenient: create(true),
  ...facts,
}))

export interface DialectStage {
  readonly gateway: Gateway
  /** Where all translated providers are. */
  readonly upstream: Upstream
  readonly openai: Upstream
  /** A model of the dialect that plays this script instead: its name there, which `mark` ends. */
  play(dialect: Dialect, mark: string, script: Script): string
  close(): Promise<void>
}

type Script = (request: SeenRequest) => Steps

/** One gateway before scripted models of every dialect, and before an OpenAI. */
export async function openDialectStage(): Promise<DialectStage> {
  const [upstream, openai] = [await startUpstream(), await startUpstream()]
  const scripts = new Map<string, Script>()
  for (const { provider, model, scripted } of dialects)
    scripts.set(`${provider}/${model}`, scripted.answer)
  upstream.otherwise((request) => {
    const name = targetOf(request)
    return scripts.get(name)?.(request) ?? json(404, { message: `there is no ${name}` })
  })
  const gateway = await startGateway({ config: configFor(upstream, openai) })
  return {
    gateway,
    upstream,
    openai,
    play({ provider, model }, mark, script) {
      const name = `${model}-${mark}`
      scripts.set(`${provider}/${name}`, script)
      return name
    },
    async close() {
      await gateway.stop('SIGINT')
      await Promise.all([upstream.stop(), openai.stop()])
    },
  }
}

const addresses: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/messages$/, 'anthropic'],
  [/^\/v1beta\/models\/([^:]+):/, 'gemini'],
  [/^\/v1\/projects\/.*\/models\/([^:]+):/, 'vertex'],
  [/^\/model\/([^/]+)\//, 'bedrock'],
  [/^\/v2\/chat$/, 'cohere'],
]

/** Whose model a request is for, whatever the dialect it comes in. */
export function targetOf({ pathname, model }: SeenRequest): string {
  for (const [pattern, provider] of addresses) {
    const found = pattern.exec(pathname)
    if (found) return `${provider}/${found[1] ? decodeURIComponent(found[1]) : model}`
  }
  return pathname
}

function configFor(upstream: Upstream, openai: Upstream) {
  // What fails is told as it is; whom else to ask, each test says.
  const retries = { max: 0 }
  const provider = (type: string, path: string, more: object = {}) => {
    const settings = { type, base_url: upstream.url + path, retries }
    const key = (name: string) => ({ keys: [{ name, value: `canary-${type}-${name}`, ...more }] })
    return {
      [type]: { ...settings, ...key('main') },
      [`${type}-lenient`]: { ...settings, ...key('lenient'), drop_unsupported: true },
      // A key that was asked to wait rests: whoever is asked needs one of its own.
      [`${type}-limited-plain`]: { ...settings, ...key('limited-plain') },
      [`${type}-limited-streamed`]: { ...settings, ...key('limited-streamed') },
    }
  }
  return {
    version: 1,
    providers: {
      openai: {
        base_url: `${openai.url}/v1`,
        keys: [{ name: 'main', value: 'canary-openai' }],
        retries,
      },
      ...provider('anthropic', ''),
      ...provider('gemini', '/v1beta'),
      ...provider('vertex', '/v1', { project: 'p1', location: 'global' }),
      ...provider('bedrock', '', { region: 'eu-central-1' }),
      ...provider('cohere', ''),
    },
    virtual_keys: [{ name: 'open', value: keys.open }],
  }
}
