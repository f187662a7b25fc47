import assert from 'node:assert/strict'
import { it } from 'node:test'
import { toJobStatus } from '../src/core/job.ts'
import type { Claim } from '../src/store/job-store.ts'
import type { Store } from '../src/store/store.ts'
import { JobModel } from './store-job-model.ts'
import { ends, failure, newJob, success } from './store-suite-fixtures.ts'
import { fc } from './support/properties.ts'

const owner = fc.constantFrom('ann', 'bob', 'cy')
const node = fc.constantFrom('n1', 'n2')
const which = fc.nat({ max: 1000 })
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      owner,
      key: fc.option(fc.constantFrom('k1', 'k2')),
      fingerprint: fc.constantFrom('f1', 'f2', 'f3'),
      window: fc.option(fc.constantFrom(0, 50, 1000), { freq: 3 }),
      onInterrupt: fc.constantFrom('rerun' as const, 'fail' as const),
      maxAttempts: fc.integer({ min: 1, max: 3 }),
      payloadVersion: fc.constantFrom(1, 1, 1, 2),
      queued: fc.constantFrom(3, 1000),
      queuedPerOwner: fc.constantFrom(2, 1000),
      bytes: fc.constantFrom(40, 1e6),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      node,
      most: fc.integer({ min: 0, max: 4 }),
      runningPerOwner: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('finish' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hand back' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('keep' as const), node, which }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('cancel' as const), which, owner: fc.option(owner) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('recover' as const), node, alone: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 20, 60, 150, 400, 31_000),
    }),
  },
)
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

const leaseMs = 100
const cancelled = failure('job_cancelled', 409)

/** Plays any commands against the store and against a model of it, and compares every answer. */
export function modelSuite(store: () => Store): void {
  it('answers any sequence of commands as the model does', async () => {
    let run = 0
    const history = fc.array(action, { minLength: 10, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(history, async (actions) => {
        const play = new Play(store(), `run-${++run}`)
        try {
          for (const next of actions) await play.act(next)
          await play.compare()
        } finally {
          await play.clear()
        }
      }),
      { numRuns: 40 },
    )
  })
}

/** One sequence, under names of its own: the store remembers turns and nodes from the ones before. */
class Play {
  readonly #store: Store
  readonly #name: string
  readonly #model = new JobModel()
  readonly #claims: Claim[] = []
  readonly #ids: string[] = []
  #now = 1000

  constructor(store: Store, name: string) {
    this.#store = store
    this.#name = name
  }

  async act(action: Action): Promise<void> {
    const [store, model, now] = [this.#store, this.#model, this.#now]
    switch (action.do) {
      case 'submit':
        return this.#submit(action)
      case 'claim': {
        const { most, runningPerOwner } = action
        const rules = {
          node: this.#own(action.node),
          most,
          runningPerOwner,
          payloadVersion: 1,
          leaseUntil: now + leaseMs,
        }
        const taken = await store.claimJobs(rules, now)
        const claims = taken.map(({ id, fence }) => ({ id, fence }))
        assert.deepEqual(claims, model.claim(rules, now))
        this.#claims.push(...claims)
        return
      }
      case 'mark': {
        const held = this.#claim(action.which)
        assert.equal(await store.markJobDispatched(held, now), model.mark(held))
        return
      }
      case 'finish': {
        const held = this.#claim(action.which)
        assert.equal(await store.finishJob(held, success, now), model.finish(held, success, now))
        return
      }
      case 'hand back': {
        const held = this.#claim(action.which)
        const answer = await store.handBackJob(held, ends, now)
        assert.equal(answer, model.handBack(held, ends, now))
        return
      }
      case 'keep': {
        const held = [this.#claim(action.which)]
        const name = this.#own(action.node)
        const lost = await store.keepJobs(name, held, now + leaseMs, now)
        assert.deepEqual(lost, model.keep(name, held, now + leaseMs, now))
        return
      }
      case 'cancel': {
        const id = this.#ids[action.which % this.#ids.length] ?? 'nobody'
        const by = action.owner && this.#own(action.owner)
        const answer = await store.cancelJob(id, by, cancelled, now)
        assert.equal(answer, model.cancel(id, by, cancelled, now))
        return
      }
      case 'recover': {
        const name = this.#own(action.node)
        const recovered = await store.recoverJobs(name, action.alone, ends, now)
        assert.deepEqual(recovered, model.recover(name, action.alone, ends, now))
        return
      }
      case 'sweep':
        assert.equal(await store.sweepJobs(10_000, now), model.sweep(now))
        return
      case 'wait':
        this.#now += action.ms
    }
  }

  async #submit(action: Action & { do: 'submit' }): Promise<void> {
    const { key, window, queued, queuedPerOwner, bytes, onInterrupt, maxAttempts } = action
    const job = newJob({
      id: `${this.#name}-${String(this.#ids.length).padStart(4, '0')}`,
      owner: this.#own(action.owner),
      fingerprint: action.fingerprint,
      idempotencyKey: key,
      idempotentUntil: this.#now + 500,
      sameSince: window === null ? null : this.#now - window,
      onInterrupt,
      maxAttempts,
      payloadVersion: action.payloadVersion,
      ttlMs: 300,
      body: Buffer.from('ten bytes!'),
    })
    const limits = { queued, queuedPerOwner, bytes }
    const submitted = await this.#store.submitJob(job, limits, this.#now)
    assert.deepEqual(submitted, this.#model.submit(job, limits, this.#now))
    if (submitted.kind === 'created') this.#ids.push(job.id)
  }

  /** Everything that can be seen of the jobs. */
  async compare(): Promise<void> {
    const now = this.#now
    for (const id of this.#ids)
      assert.deepEqual(await this.#store.findJob(id, now), this.#model.find(id, now))
    assert.deepEqual(await this.#store.countJobs(), this.#model.count())
    const all = this.#model.list(now)
    for (const status of [null, 'pending', 'processing', 'completed', 'failed'] as const)
      assert.deepEqual(
        await this.#store.listJobs({ owner: null, status, limit: 1000, after: null }, now),
        all.filter(({ state }) => status === null || toJobStatus(state) === status),
      )
  }

  async clear(): Promise<void> {
    for (const id of this.#ids) await this.#store.cancelJob(id, null, cancelled, this.#now)
    await this.#store.sweepJobs(10_000, 1e12)
  }

  #own(name: string): string {
    return `${this.#name}-${name}`
  }

  #claim(which: number): Claim {
    return this.#claims[which % this.#claims.length] ?? { id: 'nobody', fence: 1 }
  }
}
