import { startUpstream, type Upstream } from '../support/upstream.ts'
import type { SeenRequest } from '../support/upstream-request.ts'
import * as script from '../support/upstream-script.ts'
import {
  type Fields,
  type Governed,
  type GovernedOptions,
  openGoverned,
  words,
} from './governed.ts'

export const kinds = [
  ...['plain', 'stream', 'retried', 'chained', 'broken', 'left', 'gone', 'silent'],
  ...['refused', 'raced', 'racedStream', 'job', 'failedJob'],
] as const
export type Kind = (typeof kinds)[number]

/** What a provider said that an attempt has used. */
export interface Report {
  readonly id: number
  readonly provider: string
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  /** Two were asked, and whoever was later may have been given up before it was heard. */
  readonly isRaced: boolean
}

/** Dollars per million tokens: of the prompt, of what of it was cached, of the answer. Prices that do not add up evenly. */
const prices: readonly (readonly [number, number, number])[] = [
  [2.5, 1.25, 10],
  [0.15, 0.075, 0.6],
  [1.1, 0.55, 4.4],
  [0.000001, 0.0000003, 0.0000007],
  [3.333333, 0.111111, 7.777777],
]

const lateMs = 400

const models = [...prices.keys()].map((i) => `m${i}`)

/** Exact, and reckoned in another way than the gateway does: tokens times billionths of a dollar per million. */
export function costOf(
  model: string,
  used: Omit<Report, 'id' | 'provider' | 'model' | 'isRaced'>,
): number {
  const [input, cached, output] = (prices[Number(model.slice(1))] ?? prices[0] ?? []).map(
    (dollars) => BigInt(Math.round(dollars * 1e9)),
  )
  if (input === undefined || cached === undefined || output === undefined) throw new Error(model)
  const inCache = Math.min(used.cachedTokens, used.inputTokens)
  const exact =
    BigInt(used.inputTokens - inCache) * input +
    BigInt(inCache) * cached +
    BigInt(used.outputTokens) * output
  return Number((exact * 2n + 1_000_000n) / 2_000_000n)
}

/** A gateway before a provider that does with each call what the call itself asks for, and keeps count of it. */
export async function openMixed(options: Omit<GovernedOptions, 'providers'>): Promise<Mixed> {
  const upstream = await startUpstream()
  const mixed = new Mixed(upstream)
  upstream.otherwise((request) => mixed.answer(request))
  const block = { retries: { max: 1, base: '1ms', cap: '5ms' } }
  const targets = (at: number) => [{ model: `up/m${at}` }, { model: `other/m${at}` }]
  mixed.stage = await openGoverned({
    ...options,
    upstream,
    providers: { up: block, other: block },
    models: {
      ...Object.fromEntries(
        models.map((name, i) => [
          `chain-${name}`,
          { targets: targets(i).slice(0, 1), fallbacks: [`other/m${i}`] },
        ]),
      ),
      raced: { targets: targets(0), hedge: { extra_percent: 100, after: '20ms' } },
    },
    prices: Object.fromEntries(
      models.flatMap((name, i) => {
        const [input, cached, output] = prices[i] ?? []
        const price = {
          input_per_million: input,
          cached_input_per_million: cached,
          output_per_million: output,
        }
        return [`up/${name}`, `other/${name}`].map((full) => [full, price])
      }),
    ),
  })
  return mixed
}

export class Mixed implements AsyncDisposable {
  stage!: Governed
  readonly reports: Report[] = []
  readonly upstream: Upstream
  /** How often a call was sent, by its number. */
  readonly sent = new Map<number, number>()
  readonly #arrivals = new Map<number, PromiseWithResolvers<void>>()
  #calls = 0

  constructor(upstream: Upstream) {
    this.upstream = upstream
  }

  answer(request: SeenRequest): script.Steps {
    const messages = request.field('messages') as readonly { readonly content: string }[]
    const { id, kind } = JSON.parse(messages[0]?.content ?? '{}') as { id: number; kind: Kind }
    const count = (this.sent.get(id) ?? 0) + 1
    this.sent.set(id, count)
    this.#arrivals.get(id)?.resolve()
    const provider = request.credential?.split('-')[1] ?? ''
    const usage = {
      inputTokens: 1 + ((id * 7919 + count * 104_729) % 5000),
      outputTokens: (id * 6361 + count * 31_337) % 700,
      cachedTokens: (id * 2311) % 6000,
    }
    const { outputTokens, inputTokens, cachedTokens } = usage
    const wire = {
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
      prompt_tokens_details: { cached_tokens: cachedTokens },
    }
    const isRaced = kind === 'raced' || kind === 'racedStream'
    const good = (): script.Steps => {
      this.reports.push({ id, provider, model: request.model ?? '', ...usage, isRaced })
      return replyWith(request.field('stream') === true, wire)
    }
    switch (kind) {
      case 'retried':
        return count === 1 ? script.json(500, { error: { message: 'no' } }) : good()
      case 'chained':
        return provider === 'up' ? script.json(503, { error: { message: 'no' } }) : good()
      case 'failedJob':
      case 'refused':
        return script.json(400, { error: { message: 'no', type: 'invalid_request_error' } })
      case 'broken':
        return [script.streamHead(), words(7).map((word) => script.event(word)), script.rst()]
      case 'left':
        return [script.streamHead(), words(9).map((word) => script.event(word)), script.stall()]
      case 'gone':
        return script.stall()
      case 'silent':
        return replyWith(request.field('stream') === true, null)
      case 'raced':
      case 'racedStream':
        return count === 1 ? [script.wait(lateMs), good()] : good()
      default:
        return good()
    }
  }

  /** Makes one call as its kind asks for, to the end. */
  async run(key: string, kind: Kind): Promise<number> {
    const id = ++this.#calls
    const at = id % models.length
    const model =
      kind === 'chained' ? `chain-m${at}` : kind.startsWith('raced') ? 'raced' : `up/m${at}`
    const isStream =
      ['stream', 'broken', 'left', 'racedStream'].includes(kind) ||
      (id % 2 === 0 && kind === 'silent')
    const fields = {
      model,
      stream: isStream,
      max_tokens: 800,
      messages: [{ role: 'user', content: JSON.stringify({ id, kind }) }],
    }
    if (kind === 'left')
      await this.stage.leave(key, fields, { bytes: 300 + 150 * (id % 8), ms: 2000 })
    else if (kind === 'gone') {
      const arrival = Promise.withResolvers<void>()
      this.#arrivals.set(id, arrival)
      await this.stage.leave(key, fields, { when: arrival.promise })
    } else if (kind === 'job' || kind === 'failedJob') await this.#runJob(key, fields)
    else await this.stage.call(key, fields)
    return id
  }

  async #runJob(key: string, fields: Fields): Promise<void> {
    const { headers, status, text } = await this.stage.call(key, fields, { 'x-bf-async': 'true' })
    const id = headers['x-bf-async-id']
    if (typeof id !== 'string') throw new Error(`no job: ${status} ${text}`)
    await this.stage.call(key, {}, { 'x-bf-async-id': id, 'x-bf-async-wait': '20' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]()
  }
}

function replyWith(stream: boolean, usage: object | null): script.Steps {
  const base = { id: 'chatcmpl-1', created: 1, model: 'm' }
  const message = { role: 'assistant', content: 'one two' }
  if (!stream)
    return script.json(200, {
      ...{ ...base, object: 'chat.completion' },
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      ...(usage && { usage }),
    })
  const end = { index: 0, delta: {}, finish_reason: 'stop' }
  const object = 'chat.completion.chunk'
  return script.sse([
    ...words(4),
    { ...base, object, choices: [end] },
    ...(usage ? [{ ...base, object, choices: [], usage }] : []),
  ])
}
