import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { systemRuntime } from '../src/core/system.ts'
import { BlockLog } from '../src/store/block-log.ts'
import { SqliteBlockStore } from '../src/store/sqlite-block-store.ts'
import { buildDashboard, launch, skip } from '../tests/dashboard/browser.ts'
import { type Gateway, startGateway } from '../tests/support/start-gateway.ts'
import { rules, seed } from './request-log.ts'
import { median, quantile } from './statistics.ts'

// node bench/dashboard.ts [calls]: how long a browser and the API behind it take where many calls are in the log.

const dayMs = 86_400_000
const days = 30
const rounds = 11
const password = 'a password for measuring'

/** One thing that somebody waits for; goals are in milliseconds, of the 95th percentile. */
interface Figure {
  readonly name: string
  readonly timesMs: readonly number[]
  readonly goalMs: number | null
}

const filters: Readonly<Record<string, string>> = {
  'no filter': '',
  'a key': '&key=key-7',
  'key, model and provider': '&key=key-7&model=model-3&provider=provider-1',
  'an unknown key': '&key=nobody',
  'status 5xx': '&status=5xx',
  'status 429 of a key': '&status=429&key=key-9',
  'an error': '&error=upstream_timeout',
  'slower than 20 s': '&min_duration_ms=20000',
  'slower than all are': '&min_duration_ms=1000000',
  'a dimension': `&dimension=${encodeURIComponent('user=user-77')}`,
  'part of a request id': '&search=req-5',
  'text that is nowhere': '&search=zzzzzzzz',
  'a client': '&search=curl',
}

async function measure(calls: number): Promise<void> {
  if (skip) throw new Error(skip)
  buildDashboard()
  await using gateway = await seeded(calls)
  const browser = await launch()
  try {
    console.log(`${calls} calls of ${days} days, ${rounds} rounds, milliseconds`)
    for (const figure of [
      ...(await measureApi(gateway)),
      ...(await measureColdLoads(browser, gateway)),
      ...(await measurePages(browser, gateway)),
    ])
      print(figure)
  } finally {
    await browser.close()
  }
}

/** A gateway on a folder with a log of so many calls, the last of which has just been. */
async function seeded(calls: number): Promise<Gateway> {
  const first = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password } },
      providers: { demo: { type: 'demo' } },
    },
  })
  process.kill(first.pid, 'SIGINT')
  await first.exited
  const folder = path.join(first.dataDir, 'request-log')
  const log = new BlockLog(new SqliteBlockStore(folder), rules, systemRuntime.clock)
  await seed(log, { calls, days, startAt: Date.now() - days * dayMs, labels: true })
  await log.close()
  return await first.restart()
}

async function measureApi({ url }: Gateway): Promise<readonly Figure[]> {
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  const ask = async (address: string): Promise<number> => {
    const startMs = performance.now()
    const answer = await fetch(url + address, { headers: { authorization } })
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
    return performance.now() - startMs
  }
  const times = async (address: string): Promise<readonly number[]> => {
    const all: number[] = []
    for (let n = 0; n < rounds; n++) all.push(await ask(address))
    return all
  }
  const from = new Date(Date.now() - days * dayMs).toISOString()
  const listed: Figure[] = []
  for (const [name, filter] of Object.entries(filters)) {
    const address = `/api/logs?from=${from}&limit=50${filter}`
    listed.push({ name: `API, requests: ${name}`, timesMs: await times(address), goalMs: 200 })
  }
  const all = listed.flatMap(({ timesMs }) => timesMs)
  return [
    ...listed,
    { name: 'API, requests: any of these filters', timesMs: all, goalMs: 200 },
    await figure('API, facets of everything', times(`/api/logs/facets?from=${from}`), null),
    await figure('API, overview of 30 days', times(`/api/overview?from=${from}`), 400),
    await figure(
      'API, overview of 30 days by a dimension',
      times(`/api/overview?from=${from}&by_dimension=app`),
      400,
    ),
    await figure('API, overview of the last hour', times('/api/overview'), 400),
  ]
}

const figure = async (
  name: string,
  timesMs: Promise<readonly number[]>,
  goalMs: number | null,
): Promise<Figure> => ({ name, timesMs: await timesMs, goalMs })

/** A browser that has nothing of the pages yet, and somebody who is signed in. */
async function measureColdLoads(browser: Browser, gateway: Gateway): Promise<readonly Figure[]> {
  const [paints, shown]: [number[], number[]] = [[], []]
  for (let n = 0; n < rounds; n++) {
    const context = await signedIn(browser, gateway)
    const page = await context.newPage()
    await page.goto(`${gateway.url}/#/?range=30d`)
    await page.locator('.tile-value').first().waitFor()
    shown.push(await now(page))
    paints.push(await firstPaint(page))
    await context.close()
  }
  return [
    { name: 'Cold load, first contentful paint', timesMs: paints, goalMs: 1000 },
    { name: 'Cold load, overview of 30 days with its numbers', timesMs: shown, goalMs: null },
  ]
}

const now = (page: Page): Promise<number> => page.evaluate<number>('performance.now()')
const firstPaint = (page: Page): Promise<number> =>
  page.evaluate<number>(`performance.getEntriesByName('first-contentful-paint')[0].startTime`)

async function signedIn(browser: Browser, { url }: Gateway): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const answer = await context.request.post(`${url}/api/session/login`, {
    data: { username: 'admin', password },
    headers: { origin: url },
  })
  if (!answer.ok()) throw new Error(`not signed in: ${answer.status()} ${await answer.text()}`)
  return context
}

async function measurePages(browser: Browser, gateway: Gateway): Promise<readonly Figure[]> {
  const context = await signedIn(browser, gateway)
  const page = await context.newPage()
  const lists: number[] = []
  const opens: number[] = []
  const busyOpens: number[] = []
  await page.goto(`${gateway.url}/#/requests?range=30d`)
  await page.locator('tr[data-row]').first().waitFor()
  for (let n = 0; n < 2 * rounds; n++) {
    const isBusy = n >= rounds
    // The page has come back and asks for its counts again; or it has had the time to get them.
    if (!isBusy) await setTimeout(1000)
    const row = `document.querySelectorAll('tr[data-row]')[${n}]`
    ;(isBusy ? busyOpens : opens).push(await until(page, row, '.timeline li'))
    await page.goBack()
    await page
      .locator('tr[data-row]')
      .nth(2 * rounds)
      .waitFor()
  }
  for (const key of Array.from({ length: rounds }, (_, n) => `key-${n}`)) {
    await page.goto(`${gateway.url}/#/requests?range=30d&key=${key}`)
    lists.push(await since(page, `document.querySelector('tr[data-row] [data-name=Key]')`, key))
  }
  await context.close()
  return [
    { name: 'Inspector, from the press to what it shows', timesMs: opens, goalMs: 100 },
    { name: 'Inspector, while all calls are being counted', timesMs: busyOpens, goalMs: null },
    { name: 'Requests page, from another key to its rows', timesMs: lists, goalMs: null },
  ]
}

/** From a press on something until something else is there; looked at with each frame. */
const until = (page: Page, pressed: string, there: string): Promise<number> =>
  page.evaluate<number>(`new Promise((resolve) => {
    const startMs = performance.now()
    const look = () =>
      document.querySelector(${JSON.stringify(there)})
        ? resolve(performance.now() - startMs)
        : requestAnimationFrame(look)
    ${pressed}.click()
    look()
  })`)

/** From now until an element says a text. */
const since = (page: Page, element: string, text: string): Promise<number> =>
  page.evaluate<number>(`new Promise((resolve) => {
    const startMs = performance.now()
    const look = () =>
      ${element}?.textContent === ${JSON.stringify(text)}
        ? resolve(performance.now() - startMs)
        : requestAnimationFrame(look)
    look()
  })`)

function print({ name, timesMs, goalMs }: Figure): void {
  const [middle, high] = [median(timesMs), quantile(timesMs, 0.95)]
  const goal = goalMs === null ? '' : `  goal ${goalMs}${high > goalMs ? ', MISSED' : ''}`
  console.log(
    `${middle.toFixed(0).padStart(6)}  p95 ${high.toFixed(0).padStart(6)}  ${name}${goal}`,
  )
}

if (import.meta.main) await measure(Number(process.argv[2] ?? 1_000_000))
