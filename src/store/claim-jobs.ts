import { isQueued, isRunning } from './job-rows.ts'
import type { Claim, ClaimedJob, ClaimRules } from './job-store.ts'
import { build } from './query-builder.ts'
import { sayAlive } from './recover-jobs.ts'
import { alone, change, rows, type Steps } from './steps.ts'

export function* claimJobs(rules: ClaimRules, now: number): Steps<readonly ClaimedJob[]> {
  // Who is next depends on what all others took.
  yield* alone('claims')
  const ids = yield* chooseJobs(rules)
  if (ids.length === 0) return []
  yield* sayAlive(rules.node, now)
  const taken = build
    .updateTable('jobs')
    .set((job) => ({
      state: 'leased',
      fence: job('fence', '+', 1),
      attempt: job('attempt', '+', 1),
      node: rules.node,
      lease_until: rules.leaseUntil,
    }))
    .where('id', 'in', ids)
    .where(isQueued)
    .returning(['id', 'fence', 'owner', 'route', 'model', 'attempt', 'created_at', 'context'])
  const jobs = new Map((yield* rows(taken)).map((job) => [job.id, job]))
  const bodies = build
    .selectFrom('job_bodies')
    .selectAll()
    .where('job_id', 'in', [...jobs.keys()])
  const bytes = new Map((yield* rows(bodies)).map((body) => [body.job_id, body.bytes]))
  return ids.flatMap((id) => {
    const job = jobs.get(id)
    const body = bytes.get(id)
    if (!job || !body) return []
    const { created_at: createdAt, ...rest } = job
    return [{ ...rest, createdAt, body }]
  })
}

interface Waiter {
  readonly owner: string
  running: number
  served: number
  /** Ids, oldest first; null until they are asked for. */
  waiting: string[] | null
}

/** Ids in the order in which they are taken; writes down whose turn it was. */
function* chooseJobs(rules: ClaimRules): Steps<string[]> {
  let waiters = yield* listWaiters(rules)
  const chosen: string[] = []
  const turns = new Map<string, number>()
  let turn = waiters.length === 0 ? 0 : yield* readLastTurn()
  while (chosen.length < rules.most && waiters.length > 0) {
    const next = waiters.reduce((best, other) => (comesBefore(other, best) ? other : best))
    next.waiting ??= yield* listOldest(next.owner, rules, next.running)
    const id = next.waiting.shift()
    if (id !== undefined) {
      chosen.push(id)
      next.running++
      next.served = ++turn
      turns.set(next.owner, turn)
    }
    if (next.waiting.length === 0) waiters = waiters.filter((waiter) => waiter !== next)
  }
  yield* writeTurns(turns)
  return chosen
}

const comesBefore = (one: Waiter, other: Waiter): boolean =>
  one.running === other.running ? one.served < other.served : one.running < other.running

/** Owners with something waiting who may have more running. */
function* listWaiters(rules: ClaimRules): Steps<Waiter[]> {
  const running = build
    .selectFrom('jobs')
    .select((jobs) => ['jobs.owner', jobs.fn.countAll<number>().as('count')])
    .where(isRunning)
    .groupBy('jobs.owner')
  const counts = new Map((yield* rows(running)).map(({ owner, count }) => [owner, count]))
  // One seek in the index per owner: the queue of one may be as long as it likes.
  const waiting = build
    .withRecursive('waiting(owner)', (db) =>
      db
        .selectFrom('jobs')
        .select((jobs) => jobs.fn.min<string | null>('jobs.owner').as('owner'))
        .where(isQueued)
        .unionAll(
          db
            .selectFrom('waiting')
            .select((last) =>
              last
                .selectFrom('jobs')
                .select((jobs) => jobs.fn.min<string | null>('jobs.owner').as('owner'))
                .where(isQueued)
                .whereRef('jobs.owner', '>', 'waiting.owner')
                .as('owner'),
            )
            .where('waiting.owner', 'is not', null),
        ),
    )
    .selectFrom('waiting')
    .leftJoin('turns', 'turns.owner', 'waiting.owner')
    .select(['waiting.owner', 'turns.served'])
    .where('waiting.owner', 'is not', null)
    .orderBy('waiting.owner')
  return (yield* rows(waiting)).flatMap(({ owner, served }) => {
    const count = (owner !== null && counts.get(owner)) || 0
    if (owner === null || count >= rules.runningPerOwner) return []
    return [{ owner, running: count, served: served ?? 0, waiting: null }]
  })
}

function* listOldest(owner: string, rules: ClaimRules, running: number): Steps<string[]> {
  const query = build
    .selectFrom('jobs')
    .select('jobs.id')
    .where(isQueued)
    .where('jobs.owner', '=', owner)
    .where('jobs.payload_version', '<=', rules.payloadVersion)
    .orderBy('jobs.created_at')
    .orderBy('jobs.id')
    .limit(Math.min(rules.most, rules.runningPerOwner - running))
  return (yield* rows(query)).map(({ id }) => id)
}

function* readLastTurn(): Steps<number> {
  const query = build.selectFrom('turns').select((turns) => turns.fn.max('served').as('last'))
  return (yield* rows(query))[0]?.last ?? 0
}

function* writeTurns(turns: ReadonlyMap<string, number>): Steps<void> {
  if (turns.size === 0) return
  yield* change(
    build
      .insertInto('turns')
      .values([...turns].map(([owner, served]) => ({ owner, served })))
      .onConflict((conflict) =>
        conflict.column('owner').doUpdateSet((row) => ({ served: row.ref('excluded.served') })),
      ),
  )
}

export function* markJobDispatched(claim: Claim, _now: number): Steps<boolean> {
  const query = build
    .updateTable('jobs')
    .set({ state: 'dispatched' })
    .where('id', '=', claim.id)
    .where('fence', '=', claim.fence)
    .where('state', '=', 'leased')
  return (yield* change(query)) === 1
}
