import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { BlockLog } from '../src/store/block-log.ts'
import type { BlockStore } from '../src/store/block-store.ts'
import type { LogEntry } from '../src/store/logged-call.ts'
import type { LogRules, RawBody } from '../src/store/request-log.ts'
import { encodeEntries } from '../src/store/request-log-builder.ts'
import { type LogFilter, noFilter } from '../src/store/request-log-filter.ts'
import { ManualClock } from './support/manual-clock.ts'

export interface OpenedBlocks {
  readonly store: BlockStore
  empty(): Promise<void>
  destroy(): Promise<void>
}

const dayMs = 86_400_000
export const noon = Date.UTC(2026, 0, 10, 12)
export const logRules: LogRules = {
  keepMs: 30 * dayMs,
  contentKeepMs: 7 * dayMs,
  maxBytes: 2 ** 30,
  maxBodyBytes: 1024,
  secrets: ['my-very-own-secret'],
}

/** The id of a call that began at a time; `n` tells apart those that began at the same. */
export function callId(time: number, n = 0): string {
  const head = time.toString(16).padStart(12, '0')
  return `${head.slice(0, 8)}-${head.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`
}

export function logEntry(id: string, more: Partial<LogEntry> = {}): LogEntry {
  const call = {
    id,
    label: '',
    kind: 'plain' as const,
    status: 200,
    error: '',
    message: '',
    key: 'team-a',
    team: '',
    customer: '',
    route: 'smart',
    provider: 'openai',
    model: 'gpt-4o',
    agent: 'OpenAI/JS 7.57.0',
    durationMs: 100,
    firstTokenMs: null,
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    costNanos: null,
    attempts: 1,
    fallback: 0,
    hedged: false,
    dimensions: {},
    ...more,
  }
  return { text: JSON.stringify({ call: id, key: call.key }), ...call }
}

/** What every place for the log must do, whatever it is made of. */
export function requestLogSuite(name: string, open: () => Promise<OpenedBlocks>): void {
  describe(name, () => {
    let opened: OpenedBlocks
    let log: BlockLog
    let batches = 0
    before(async () => {
      opened = await open()
      log = new BlockLog(opened.store, logRules, new ManualClock(noon))
    })
    afterEach(async () => {
      await opened.empty()
      log = new BlockLog(opened.store, logRules, new ManualClock(noon))
    })
    after(() => opened.destroy())

    const append = (entries: readonly LogEntry[], bodies: readonly RawBody[] = []) =>
      log.append({
        id: `batch-${++batches}`,
        blocks: encodeEntries(entries),
        bodies,
        loss: null,
      })
    const find = async (filter: Partial<LogFilter>, limit = 100): Promise<readonly string[]> =>
      (await log.find({ ...noFilter, ...filter }, null, limit)).calls.map(({ id }) => id)

    it('gives a call back as it was given', async () => {
      const entry = logEntry(callId(noon), {
        label: 'my-name',
        kind: 'stream',
        status: 502,
        error: 'upstream_error',
        message: 'it said "no", änd more',
        team: 't1',
        customer: 'c1',
        durationMs: 1234.56,
        firstTokenMs: 78.9,
        cachedInputTokens: 3,
        reasoningTokens: 4,
        costNanos: 12_345_678_901,
        attempts: 3,
        fallback: 2,
        hedged: true,
        dimensions: { app: 'shop', user: 'ü' },
      })
      await append([entry])
      const { calls, next, searchedTo } = await log.find(noFilter, null, 10)
      const { text, ...call } = entry
      assert.deepEqual(calls, [call])
      assert.deepEqual([next, searchedTo], [null, null])
      assert.deepEqual(await log.get(entry.id), { text, bodies: [] })
      assert.equal(await log.get(callId(noon, 1)), null)
      assert.equal(await log.get('no id'), null)
    })

    it('pages through all calls once, newest first, although they come in another order', async () => {
      const ids = Array.from({ length: 40 }, (_, n) => callId(noon + (n % 7) * 1000, n))
      // Each batch overlaps the others in time, as calls that last differently long do.
      for (let n = 0; n < 40; n += 10) await append(ids.slice(n, n + 10).map((id) => logEntry(id)))
      const seen: string[] = []
      let after: string | null = null
      do {
        const page: Awaited<ReturnType<typeof log.find>> = await log.find(noFilter, after, 7)
        seen.push(...page.calls.map(({ id }) => id))
        after = page.next
      } while (after !== null)
      assert.deepEqual(seen, ids.toSorted().toReversed())
    })

    it('finds calls by each of the conditions, and by several together', async () => {
      const [a, b, c, d] = [0, 1, 2, 3].map((n) => callId(noon + n * 1000, n)) as [
        string,
        string,
        string,
        string,
      ]
      await append([
        logEntry(a, { key: 'k1', team: 't1', customer: 'c1', costNanos: 10, agent: 'curl/8' }),
        logEntry(b, {
          key: 'k2',
          status: 429,
          error: 'rate_limit_exceeded',
          message: '50% over_all',
        }),
        logEntry(c, {
          key: 'k1',
          kind: 'stream',
          provider: 'azure',
          model: 'm2',
          route: 'r2',
          durationMs: 9000,
        }),
        logEntry(d, {
          key: 'k1',
          kind: 'job',
          status: 503,
          label: 'Mine-77',
          dimensions: { app: 'shop' },
          costNanos: 99,
        }),
      ])
      const cases: readonly (readonly [Partial<LogFilter>, readonly string[]])[] = [
        [{}, [d, c, b, a]],
        [{ only: { key: ['k1'] } }, [d, c, a]],
        [{ only: { key: ['k1', 'k2'], provider: ['openai'] } }, [d, b, a]],
        [{ only: { key: ['nobody'] } }, []],
        [{ only: { key: [] } }, [d, c, b, a]],
        [{ only: { team: ['t1'], customer: ['c1'] } }, [a]],
        [{ only: { route: ['r2'] } }, [c]],
        [{ only: { model: ['m2'] } }, [c]],
        [{ only: { error: ['rate_limit_exceeded'] } }, [b]],
        [{ statuses: ['4xx'] }, [b]],
        [{ statuses: ['503', '429'] }, [d, b]],
        [{ statuses: ['2xx'], kinds: ['plain'] }, [a]],
        [{ kinds: ['stream', 'job'] }, [d, c]],
        [{ minDurationMs: 9000 }, [c]],
        [{ minCostNanos: 10 }, [d, a]],
        [{ dimensions: { app: 'shop' } }, [d]],
        [{ dimensions: { app: 'other' } }, []],
        [{ text: 'mine-7' }, [d]],
        [{ text: 'CURL' }, [a]],
        [{ text: '50% over_all' }, [b]],
        [{ text: '50_ over' }, []],
        [{ text: '%' }, [b]],
        [{ text: c }, [c]],
        [{ text: c.slice(0, 13) }, [d, c, b, a].filter((id) => id.startsWith(c.slice(0, 13)))],
        [{ text: "' or 1=1 --" }, []],
        [{ from: noon + 1000, to: noon + 3000 }, [c, b]],
        [{ from: noon + 4000 }, []],
      ]
      for (const [filter, expected] of cases)
        assert.deepEqual(await find(filter), expected, JSON.stringify(filter))
    })

    it('looks through days, and only through those that are asked for', async () => {
      const ids = [0, 1, 2].map((n) => callId(noon - n * dayMs, n))
      await append(ids.map((id) => logEntry(id)))
      assert.deepEqual(await find({}), ids)
      assert.deepEqual(await find({ from: noon - 1.5 * dayMs, to: noon - 0.5 * dayMs }), [ids[1]])
      assert.equal((await log.get(ids[2] ?? ''))?.bodies.length, 0)
    })

    it('writes a batch once, however often it is given', async () => {
      const batch = {
        id: 'the-same',
        blocks: encodeEntries([logEntry(callId(noon)), logEntry(callId(noon - dayMs))]),
        bodies: [bodyOf(callId(noon), '{"a":1}')],
        loss: { calls: 5, from: noon - 1000, to: noon, reason: 'the disk was full' },
      }
      await log.append(batch)
      await log.append(batch)
      assert.equal((await find({})).length, 2)
      assert.equal((await log.get(callId(noon)))?.bodies.length, 1)
      assert.deepEqual(await log.losses(noon - dayMs, noon + 1), [batch.loss])
    })

    it('tells a loss also where no call comes with it, and that nobody knows how many', async () => {
      const loss = { calls: null, from: noon - 10, to: noon, reason: 'killed' }
      await log.append({ id: 'l', blocks: [], bodies: [], loss })
      assert.deepEqual(await log.losses(noon - 100, noon + 100), [loss])
      assert.deepEqual(await log.losses(noon + 50, noon + 100), [])
    })

    it('puts many small batches together without losing or repeating one', async () => {
      const ids = Array.from({ length: 300 }, (_, n) => callId(noon + n, n))
      for (const id of ids) await append([logEntry(id, { label: `label-${id}` })])
      assert.deepEqual(await find({}, 1000), ids.toReversed())
      assert.equal((await log.find(noFilter, null, 1)).calls[0]?.label, `label-${ids.at(-1)}`)
      assert.equal(
        (await log.get(ids[17] ?? ''))?.text,
        JSON.stringify({ call: ids[17], key: 'team-a' }),
      )
      const blocks = await opened.store.read(
        async (reader) => await reader.blocks(0, Number.POSITIVE_INFINITY),
      )
      assert.ok(blocks.length < 40, `${blocks.length} blocks`)
      assert.equal(
        blocks.reduce((sum, { calls }) => sum + calls, 0),
        300,
      )
    })

    it('counts names under the other conditions', async () => {
      await append([
        logEntry(callId(noon, 1), { key: 'k1', model: 'm1' }),
        logEntry(callId(noon, 2), { key: 'k1', model: 'm2', status: 500, error: 'internal_error' }),
        logEntry(callId(noon, 3), { key: 'k2', model: 'm2' }),
      ])
      const all = await log.facets(noFilter)
      assert.equal(all.calls, 3)
      assert.equal(all.complete, true)
      assert.deepEqual(all.values.key, [
        { value: 'k1', calls: 2 },
        { value: 'k2', calls: 1 },
      ])
      assert.deepEqual(all.values.status, [
        { value: '200', calls: 2 },
        { value: '500', calls: 1 },
      ])
      assert.deepEqual(all.values.error, [{ value: 'internal_error', calls: 1 }])
      const ofKey = await log.facets({ ...noFilter, only: { key: ['k1'] } })
      assert.equal(ofKey.calls, 2)
      assert.deepEqual(ofKey.values.model.map(({ value }) => value).toSorted(), ['m1', 'm2'])
      // What could be chosen instead is counted too.
      assert.deepEqual(ofKey.values.key.map(({ value }) => value).toSorted(), ['k1', 'k2'])
    })

    it('adds calls up by time and by name, with quantiles', async () => {
      const hour = 3_600_000
      await append([
        ...Array.from({ length: 98 }, (_, n) =>
          logEntry(callId(noon + n, n), { durationMs: 100, costNanos: 10 }),
        ),
        logEntry(callId(noon + hour, 98), {
          durationMs: 10_000,
          provider: 'azure',
          firstTokenMs: 50,
          attempts: 2,
        }),
        logEntry(callId(noon + hour, 99), {
          durationMs: 10_000,
          status: 429,
          error: 'rate_limit_exceeded',
          provider: '',
          model: '',
        }),
        logEntry(callId(noon + hour, 100), { kind: 'poll' }),
        logEntry(callId(noon + hour, 101), { status: 499, durationMs: 100 }),
      ])
      const { all, series, by } = await log.overview({
        filter: noFilter,
        bucketMs: hour,
        dimension: null,
      })
      assert.deepEqual(
        [all.calls, all.errors, all.limited, all.left, all.rescued, all.costNanos],
        [101, 1, 1, 1, 1, 980],
      )
      assert.ok(Math.abs((all.duration?.p50 ?? 0) / 100 - 1) < 0.1, String(all.duration?.p50))
      assert.ok(Math.abs((all.duration?.p99 ?? 0) / 10_000 - 1) < 0.1, String(all.duration?.p99))
      assert.ok(Math.abs((all.firstToken?.p50 ?? 0) / 50 - 1) < 0.1)
      assert.deepEqual(
        series.map(({ at, calls }) => [at, calls]),
        [
          [noon, 98],
          [noon + hour, 3],
        ],
      )
      assert.deepEqual(
        by.provider.map(({ name, calls }) => [name, calls]),
        [
          ['openai', 99],
          ['azure', 1],
        ],
      )
      assert.equal(by.key.length, 1)
    })

    it('adds calls up by what the callers call them, and tells what they are called', async () => {
      await append([
        logEntry(callId(noon, 1), { dimensions: { app: 'shop', user: 'ann' }, costNanos: 5 }),
        logEntry(callId(noon, 2), { dimensions: { app: 'shop' }, costNanos: 7 }),
        logEntry(callId(noon, 3), { dimensions: { app: 'a=b' } }),
        logEntry(callId(noon, 4)),
      ])
      const ask = (dimension: string | null) =>
        log.overview({ filter: noFilter, bucketMs: dayMs, dimension })
      const found = await ask('app')
      assert.deepEqual(
        found.byDimension.map(({ name, calls, costNanos }) => [name, calls, costNanos]),
        [
          ['shop', 2, 12],
          ['a=b', 1, 0],
        ],
      )
      assert.deepEqual(found.dimensions, ['app', 'user'])
      assert.deepEqual((await ask(null)).byDimension, [])
      assert.deepEqual((await ask('nobody')).byDimension, [])
      assert.deepEqual((await log.facets(noFilter)).pairs, [
        { value: 'app=shop', calls: 2 },
        { value: 'user=ann', calls: 1 },
        { value: 'app=a=b', calls: 1 },
      ])
    })

    it('keeps what was said apart, without media and secrets, cut at its bound', async () => {
      const id = callId(noon)
      const picture = 'iVBORw0KGgo'.repeat(1000)
      const request = JSON.stringify({
        messages: [
          {
            content: [
              { text: 'sk-bf-0123456789abcdef and my-very-own-secret' },
              { image_url: { url: `data:image/png;base64,${picture}` } },
            ],
          },
        ],
      })
      const events = [
        '{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}',
        '{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}',
        '[DONE]',
      ]
      await append(
        [logEntry(id)],
        [
          bodyOf(id, request),
          {
            ...bodyOf(id, events.map((event) => `data: ${event}\n\n`).join('')),
            part: 'reply',
            form: 'events',
          },
        ],
      )
      const bodies = (await log.get(id))?.bodies ?? []
      const kept = bodies.find(({ part }) => part === 'request')
      assert.equal(kept?.truncated, false)
      assert.equal(kept?.sizeBytes, Buffer.byteLength(request))
      assert.match(kept?.text ?? '', /\[image\/png, 8250 bytes\]/)
      assert.doesNotMatch(kept?.text ?? '', /0123456789abcdef|my-very-own-secret/)
      const reply = bodies.find(({ part }) => part === 'reply')
      assert.equal(JSON.parse(reply?.text ?? '').choices[0].message.content, 'Hello')
      const long = callId(noon, 1)
      await append([logEntry(long)], [bodyOf(long, JSON.stringify({ text: 'word '.repeat(1000) }))])
      const cut = (await log.get(long))?.bodies[0]
      assert.deepEqual([cut?.truncated, cut?.text.length, cut?.sizeBytes], [true, 1024, 5011])
    })

    it('lets go of days that are over, and of what was said sooner', async () => {
      const [today, week, month] = [0, 8, 31].map((days) => callId(noon - days * dayMs)) as [
        string,
        string,
        string,
      ]
      for (const id of [today, week, month]) await append([logEntry(id)], [bodyOf(id, '{"a":1}')])
      const { bytes, contentBytes, oldest } = await log.prune(noon)
      assert.deepEqual(await find({}), [today, week])
      assert.equal((await log.get(today))?.bodies.length, 1)
      assert.equal((await log.get(week))?.bodies.length, 0)
      assert.ok(bytes > contentBytes && contentBytes > 0)
      assert.equal(oldest, noon - 8 * dayMs - 12 * 3_600_000)
    })

    it('lets go of the oldest where there is more than there may be, first of what was said', async () => {
      const ids = [3, 2, 1, 0].map((days) => callId(noon - days * dayMs))
      for (const id of ids) await append([logEntry(id)], [bodyOf(id, '{"a":1}')])
      const { bytes, contentBytes } = await log.prune(noon)
      const ofCalls = bytes - contentBytes
      // Room for the calls and the newest of what was said.
      await log.follow({ ...logRules, maxBytes: ofCalls + contentBytes / 4 })
      await log.prune(noon)
      assert.equal((await find({})).length, 4)
      const kept = await Promise.all(ids.map(async (id) => (await log.get(id))?.bodies.length))
      assert.deepEqual(kept, [0, 0, 0, 1])
      await log.follow({ ...logRules, maxBytes: 1 })
      await log.prune(noon)
      // The day that is written to stays.
      assert.deepEqual(await find({}), [ids[3]])
    })
  })
}

export const bodyOf = (call: string, text: string): RawBody => ({
  call,
  part: 'request',
  form: 'json',
  bytes: Buffer.from(text),
  sizeBytes: Buffer.byteLength(text),
})
