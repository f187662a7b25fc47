// Kills the gateway over and over in the middle of calls that cost money, and checks that every request a provider saw
// is in the ledger once and that budgets say what the ledger says:
//   node tests/governance/kill-books.ts --rounds 100 --seed N [--store postgres]
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startPostgres } from 'test-postgres'
import { Chance } from '../crash/chance.ts'
import { startUpstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'
import { answered, type Governed, openGoverned, plainPrice, words } from './governed.ts'
import { type Books, contradictions } from './read-books.ts'

export interface BookKills {
  readonly rounds: number
  readonly seed: number
  readonly storeUrl?: string
  readonly say?: (text: string) => void
}

export interface KillOutcome {
  readonly violations: readonly string[]
  /** Requests that a provider saw. */
  readonly sent: number
  /** Of those the ones under way, or not written yet, when the process was killed. */
  readonly interrupted: number
}

const callers = 12
const callsPerRound = 150
const masterKey = 'the-same-after-every-kill-0123456789'

export async function runBookKills(options: BookKills): Promise<KillOutcome> {
  const { rounds, seed, storeUrl, say = () => {} } = options
  const chance = new Chance(seed)
  const names = Array.from({ length: rounds * callsPerRound }, (_, i) => `c${i}`)
  const upstream = await startUpstream()
  const sent = new Map<string, number>()
  upstream.otherwise((request) => {
    const model = request.model ?? ''
    sent.set(model, (sent.get(model) ?? 0) + 1)
    return answerTo(request.field('stream') === true, chance)
  })
  await using stage = await openGoverned({
    keys: { money: { team: 'team', budget: { usd: 1_000_000, per: 'month' } } },
    teams: [{ name: 'team', budget: { usd: 2_000_000, per: 'month' } }],
    providers: { up: { retries: { max: 0 } } },
    prices: Object.fromEntries(names.map((name) => [`up/${name}`, plainPrice])),
    upstream,
    start: { env: { SLUICE_ENCRYPTION_KEY: masterKey } },
    ...(storeUrl && { storeUrl }),
  })
  const violations: string[] = []
  for (let round = 0; round < rounds; round++) {
    const mine = names.slice(round * callsPerRound, (round + 1) * callsPerRound)
    await killInTheMiddle(stage, mine, chance)
    await stage.restart()
    const seen = () => names.filter((name) => sent.has(name))
    const books = await settledBooks(stage, seen())
    violations.push(...wrongIn(books, sent).map((each) => `round ${round}: ${each}`))
    if (violations.length > 0) break
    if (round % 10 === 9) say(`${round + 1} of ${rounds} rounds, ${seen().length} requests`)
  }
  await stage.stop('SIGTERM')
  const books = await stage.books()
  violations.push(...wrongIn(books, sent))
  // On a shared store the leases of killed processes end when their silence has been noticed.
  if (!storeUrl && books.leases.length > 0)
    violations.push(`leases were left: ${JSON.stringify(books.leases)}`)
  const interrupted = books.lines.filter(({ outcome }) => outcome === 'interrupted').length
  return { violations, sent: sent.size, interrupted }
}

function answerTo(stream: boolean, chance: Chance): script.Steps {
  const tokens = 1 + chance.below(300)
  if (chance.happens(0.3)) return [script.wait(chance.below(200)), answered(stream, 5, tokens)]
  if (stream && chance.happens(0.3))
    return [
      script.streamHead(),
      words(20).map((word) => [script.event(word), script.wait(chance.below(20))]),
      script.rst(),
    ]
  return answered(stream, 5, tokens)
}

/** Resolves once the process is gone, and with it every call that was under way. */
async function killInTheMiddle(
  stage: Governed,
  models: readonly string[],
  chance: Chance,
): Promise<void> {
  let [next, isKilled] = [0, false]
  const caller = async (): Promise<void> => {
    while (!isKilled && next < models.length) {
      const fields = { model: `up/${models[next++]}`, stream: next % 2 === 0, max_tokens: 400 }
      if (next % 7 === 0) await stage.leave('money', fields, { ms: next % 30 })
      else await stage.call('money', fields)
    }
  }
  const calling = Promise.all(Array.from({ length: callers }, caller))
  await sleep(20 + chance.below(400))
  isKilled = true
  await stage.stop('SIGKILL')
  await calling
}

/** As they are once each request that was seen has a line, or after a while. */
async function settledBooks(stage: Governed, seen: readonly string[]): Promise<Books> {
  const isWhole = ({ lines }: Books): boolean => {
    const written = new Set(lines.map(({ model }) => model))
    return seen.every((name) => written.has(name))
  }
  return await stage.booksWhen(isWhole, 5000).catch(() => stage.books())
}

function wrongIn(books: Books, sent: ReadonlyMap<string, number>): readonly string[] {
  const lines = Map.groupBy(books.lines, ({ model }) => model)
  const wrong = [...contradictions(books)]
  for (const [model, count] of sent) {
    const own = lines.get(model)?.length ?? 0
    if (own !== count) wrong.push(`${model} was sent ${count} times and is written ${own} times`)
  }
  for (const { kind, id } of books.lines) if (kind !== 'usage') wrong.push(`${id} is ${kind}`)
  return wrong
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      store: { type: 'string', default: 'sqlite' },
    },
  })
  const postgres = values.store === 'postgres' ? await startPostgres() : null
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)]
  console.log(`seed ${seed}`)
  try {
    const storeUrl = await postgres?.createDatabase()
    const kills = { rounds, seed, say: console.error, ...(storeUrl && { storeUrl }) }
    const { violations, sent, interrupted } = await runBookKills(kills)
    for (const violation of violations) console.log(`VIOLATION ${violation}`)
    console.log(
      `${rounds} kills, ${sent} requests, ${interrupted} of them interrupted; seed ${seed}`,
    )
    process.exitCode = violations.length > 0 ? 1 : 0
  } finally {
    await postgres?.destroy()
  }
}
