import { randomUUID } from 'node:crypto'
import { systemRuntime } from '../../src/core/system.ts'
import { BlockLog } from '../../src/store/block-log.ts'
import type { LogEntry } from '../../src/store/logged-call.ts'
import { encodeEntries } from '../../src/store/request-log-builder.ts'
import { SqliteBlockStore } from '../../src/store/sqlite-block-store.ts'
import { callId, logRules } from '../request-log-suite.ts'

const hourMs = 3_600_000
const stepMs = 2500

/** Who calls what: the share of the calls, the size of prompts and answers, nano-dollars for a token of each. */
const customs = [
  ['web-shop', 'openai', 'gpt-4o-mini', 0.34, 900, 180, 150, 600],
  ['support-bot', 'openai', 'gpt-4o', 0.22, 2400, 420, 2500, 10_000],
  ['support-bot', 'groq', 'llama-3.3-70b-versatile', 0.14, 2200, 380, 590, 790],
  ['docs-search', 'mistral', 'mistral-large-latest', 0.12, 3600, 260, 2000, 6000],
  ['batch-night', 'deepseek', 'deepseek-chat', 0.18, 5200, 700, 270, 1100],
] as const

/** Writes a day's calls into a log that nobody has open: quiet at night, busy at noon, with an hour of trouble. */
export async function writeBusyDay(folder: string, endAt: number): Promise<void> {
  const log = new BlockLog(new SqliteBlockStore(folder), logRules, systemRuntime.clock)
  const random = createRandom()
  const startAt = endAt - 24 * hourMs
  let entries: LogEntry[] = []
  const write = async () => {
    const blocks = encodeEntries(entries)
    entries = []
    await log.append({ id: randomUUID(), blocks, bodies: [], loss: null })
  }
  for (let at = startAt, n = 0; at < endAt; at += stepMs, n++) {
    const busy = 0.25 + 0.75 * Math.sin((Math.PI * (at - startAt)) / (24 * hourMs)) ** 2
    if (random() > busy) continue
    entries.push(entryAt(at + Math.floor(random() * stepMs), n, endAt, random))
    if (entries.length === 1000) await write()
  }
  await write()
  await log.close()
}

function entryAt(at: number, n: number, endAt: number, random: () => number): LogEntry {
  const [key, provider, model, , promptSize, answerSize, inPrice, outPrice] = chosen(random())
  const isTrouble = provider === 'openai' && at > endAt - 7 * hourMs && at < endAt - 6 * hourMs
  const draw = random()
  const status = draw < (isTrouble ? 0.2 : 0.004) ? 502 : draw > 0.993 ? 429 : 200
  const inputTokens = Math.round(promptSize * (0.3 + 1.4 * random()))
  const outputTokens = status === 200 ? Math.round(answerSize * (0.2 + 1.6 * random())) : 0
  const firstTokenMs = 120 + 500 * random() ** 2 + (isTrouble ? 900 * random() : 0)
  const isStream = key === 'web-shop' || key === 'support-bot'
  const entry = {
    id: callId(at, n),
    label: '',
    kind: isStream ? ('stream' as const) : ('plain' as const),
    status,
    error: status === 200 ? '' : status === 429 ? 'rate_limit_exceeded' : 'upstream_error',
    message: '',
    key,
    team: '',
    customer: '',
    route: key === 'support-bot' ? 'support' : `${provider}/${model}`,
    provider,
    model,
    agent: 'OpenAI/JS 7.57.0',
    durationMs: status === 429 ? 2 : firstTokenMs + outputTokens * (4 + 6 * random()),
    firstTokenMs: isStream && status === 200 ? firstTokenMs : null,
    inputTokens,
    outputTokens,
    cachedInputTokens: Math.round(inputTokens * 0.4 * random()),
    reasoningTokens: 0,
    costNanos: inputTokens * inPrice + outputTokens * outPrice,
    attempts: isTrouble || draw < 0.02 ? 2 : 1,
    fallback: status === 200 && isTrouble ? 1 : 0,
    hedged: false,
    dimensions: { app: key === 'batch-night' ? 'reports' : key },
  }
  return { ...entry, text: JSON.stringify({ call: entry.id, status, provider }) }
}

function chosen(draw: number): (typeof customs)[number] {
  let left = draw
  const found = customs.find(([, , , share]) => {
    left -= share
    return left < 0
  })
  return found ?? customs[0]
}

/** Numerical Recipes' generator: a picture is the same each time, but for the clock. */
function createRandom(): () => number {
  let state = 7
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
