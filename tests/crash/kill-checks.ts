import type { Gateway } from '../support/start-gateway.ts'
import { type CrashCase, crashKeys, isInterrupted, nativePath, submitCase } from './crash-case.ts'
import { type Answer, JobClient } from './job-client.ts'
import type { RoundState } from './round-state.ts'
import { mayBeGone } from './row-phases.ts'
import { missingRuns, storedRuns } from './run-records.ts'

const recoveryLimitMs = 2000
const waitS = 20
const rereadResults = 10
/** For so long a request that was sent before a DELETE was answered may still be unread here. */
const onItsWayMs = 1000

/** Waits for every job of the round and checks what must hold for each. */
export async function checkRound(gateway: Gateway, state: RoundState): Promise<void> {
  const { cases, report } = state
  const client = new JobClient(gateway.url)
  try {
    await Promise.all(cases.map((each) => repeatLost(client, state, each)))
    await checkListed(client, state)
    const results = new Map<string, string>()
    await Promise.all(cases.map((each) => checkResult(client, state, each, results)))
    for (const each of cases) checkDispatches(state, each)
    await checkRecords(gateway, state)
    await checkAgain(client, state, results)
  } finally {
    client.close()
  }
  const known = report.recoveriesMs.length
  for (const look of state.afterwards) look()
  for (const ms of report.recoveriesMs.slice(known))
    if (ms > recoveryLimitMs) state.fail(`the first orphan waited for ${ms.toFixed(0)} ms`)
  report.jobs += cases.length
  report.acknowledged += cases.filter(({ acknowledgedId }) => acknowledgedId !== null).length
}

/** A client whose answer was lost sends the same again, and must get the same job. */
async function repeatLost(
  client: JobClient,
  { ids, report, fail }: RoundState,
  each: CrashCase,
): Promise<void> {
  if (each.acknowledgedId !== null || !each.repeats) return
  report.repeated++
  const id = await submitCase(client, each, { isRepeat: true, onWritten: () => {} })
  const known = ids.get(each)
  if (known && known.size > 0 && !known.has(id))
    fail(`${each.model} was in the database, and its repeat made another job`)
  known?.add(id)
}

async function checkListed(client: JobClient, { cases, ids, fail }: RoundState): Promise<void> {
  const pages = await Promise.all(
    crashKeys.map((key) => client.send('GET', '/v1/async/jobs?limit=100', { key })),
  )
  const listed = pages.flatMap(
    ({ text }) => (JSON.parse(text) as { data: { id: string; model: string }[] }).data,
  )
  const byModel = Map.groupBy(listed, ({ model }) => model)
  for (const each of cases) {
    const found = byModel.get(`sim/${each.model}`) ?? []
    for (const { id } of found) ids.get(each)?.add(id)
    const known = ids.get(each)?.size ?? 0
    if (known > 1) fail(`${each.model} was submitted once and is ${known} jobs`)
    if (each.ttlS === null && known !== found.length)
      fail(`${each.model}: ${known} known, ${found.length} listed`)
  }
}

async function checkResult(
  client: JobClient,
  state: RoundState,
  each: CrashCase,
  results: Map<string, string>,
): Promise<void> {
  const { ids, upstream, fail } = state
  const { model, key } = each
  for (const id of ids.get(each) ?? []) {
    const { status, text } = await read(client, key, id, waitS)
    results.set(id, text)
    const isCancelled = text.includes('"job_cancelled"')
    if (isCancelled && each.cancel !== 'none' && each.cancel !== 'refused') {
      state.report.cancelled++
      continue
    }
    if (each.ttlS !== null && status === 404 && mayBeGone(each, state)) continue
    if (isCancelled || each.cancel === 'cancelled') {
      fail(`${model} was asked to be cancelled (${each.cancel}): ${status} ${text.slice(0, 300)}`)
      continue
    }
    if (isInterrupted(each)) {
      if (!text.includes('"job_interrupted"'))
        fail(`${model} did not want to be sent again: ${status} ${text.slice(0, 300)}`)
      continue
    }
    const sources = upstream.of(model).filter(({ body }) => text.includes(body))
    if (status !== 200) fail(`${model} is not done: ${status} ${text.slice(0, 300)}`)
    else if (sources.length !== 1)
      fail(`${model} has a result that no provider gave: ${text.slice(0, 800)}`)
    else if (sources[0]?.state !== 'answered')
      fail(`${model} has a result that was not sent to its end`)
  }
}

/** Only what was marked as dispatched when the process died may have been sent again. */
function checkDispatches({ upstream, report, fail }: RoundState, each: CrashCase): void {
  const sent = upstream.of(each.model)
  const { length } = sent
  report.dispatches += length
  const last = sent.at(-1)
  if (each.cancel === 'cancelled' && last && last.receivedAt > (each.cancelledAt ?? 0) + onItsWayMs)
    fail(`${each.model} was sent after it was cancelled`)
  const most = isInterrupted(each) ? 1 : 1 + each.dispatchedKills
  if (length > most)
    fail(`${each.model} was sent ${length} times, interrupted ${each.dispatchedKills} times`)
}

async function checkRecords(gateway: Gateway, state: RoundState): Promise<void> {
  const { cases, ids, logs, unfinished, fail } = state
  const missing = await missingRuns(
    gateway,
    unfinished.map(({ id }) => id),
  )
  for (const id of missing) fail(`the log does not tell of the end of ${id}`)
  const counts = new Map<string, number>()
  for (const id of [...logs, gateway.stderr()].flatMap(storedRuns))
    counts.set(id, (counts.get(id) ?? 0) + 1)
  for (const each of cases)
    for (const id of ids.get(each) ?? [])
      if ((counts.get(id) ?? 0) > 1) fail(`${each.model}: ${counts.get(id)} runs stored a result`)
}

/** Whatever has happened since, a result stays the same bytes. */
async function checkAgain(
  client: JobClient,
  { cases, ids, history, fail }: RoundState,
  results: ReadonlyMap<string, string>,
): Promise<void> {
  const old = [...history].slice(-rereadResults)
  // What is kept for a second is another answer a second later.
  const lasting = cases.filter(({ ttlS }) => ttlS === null)
  for (const each of lasting)
    for (const id of ids.get(each) ?? [])
      history.set(id, { key: each.key, text: results.get(id) ?? '' })
  const own = lasting
    .flatMap((each) => [...(ids.get(each) ?? [])])
    .map((id) => [id, history.get(id)] as const)
  await Promise.all(
    [...old, ...own].map(async ([id, known]) => {
      const { text } = await read(client, known?.key ?? '', id, 0)
      if (text !== known?.text) fail(`the result of job ${id} is another when it is read again`)
    }),
  )
}

const read = (client: JobClient, key: string, id: string, waitS: number): Promise<Answer> =>
  client.send('GET', `${nativePath}/${id}`, {
    key,
    ...(waitS > 0 && { headers: { 'x-bf-async-wait': String(waitS) } }),
  })
