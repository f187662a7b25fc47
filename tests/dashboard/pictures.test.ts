import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { json, sse, wait } from '../support/upstream-script.ts'
import { buildDashboard, launch, openView, pictures, signIn, skip } from './browser.ts'
import { writeBusyDay } from './busy-day.ts'
import { adminPassword, callerKey } from './stage.ts'

// The pictures of the documentation: a gateway as it may look after a day. They are made anew with each run, beside those
// of all pages, and copied to docs/images by hand.

const maxBytes = 150_000
const answer =
  'Three causes, the likeliest first:\n\n1. The deploy at 09:40 halved the pool of database connections.\n2. Retries of the importer came on top and kept it full.\n3. The alert fired late, since it looks at averages.\n\nRoll back the pool size, then cap the importer.'

let browser: Browser
let gateway: Gateway
let upstream: Upstream

before(async () => {
  if (skip) return
  buildDashboard()
  mkdirSync(pictures, { recursive: true })
  upstream = await startUpstream()
  upstream
    .on('gpt-4o', [
      wait(180),
      json(429, { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit' } }),
    ])
    .on('llama-3.3-70b-versatile', [wait(240), sse(chunksOf(answer), { everyMs: 9 })])
  const first = await startGateway({ config })
  process.kill(first.pid, 'SIGINT')
  await first.exited
  await writeBusyDay(path.join(first.dataDir, 'request-log'), Date.now())
  gateway = await first.restart()
  browser = await launch()
})
after(async () => {
  if (skip) return
  // Where the start failed there is nothing of it, and what is there must not keep this process.
  await browser?.close()
  await gateway?.stop('SIGINT')
  await upstream.stop()
})

const key = { keys: [{ name: 'main', value: 'not-a-real-key' }], retries: { max: 0 } }

const config = {
  get providers() {
    const base_url = `${upstream.url}/v1`
    return {
      openai: { base_url, ...key },
      groq: { base_url, ...key },
      mistral: { base_url, ...key },
      deepseek: { base_url, ...key },
    }
  },
  version: 1,
  auth: { admin: { password: adminPassword } },
  models: {
    support: {
      targets: [{ model: 'openai/gpt-4o' }],
      fallbacks: ['groq/llama-3.3-70b-versatile'],
    },
  },
  virtual_keys: [{ name: 'support-bot', value: callerKey }],
  request_log: { content: 'all' },
}

function chunksOf(text: string): readonly object[] {
  const chunk = (choice: object) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'llama-3.3-70b-versatile',
    choices: [{ index: 0, finish_reason: null, ...choice }],
  })
  const words = text.match(/\S+\s*/g) ?? []
  const usage = { prompt_tokens: 2312, completion_tokens: words.length, total_tokens: 2312 }
  return [
    chunk({ delta: { role: 'assistant', content: '' } }),
    ...words.map((content) => chunk({ delta: { content } })),
    { ...chunk({ delta: {}, finish_reason: 'stop' }), usage },
  ]
}

async function ask(): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${callerKey}`,
      'content-type': 'application/json',
      'x-bf-dim-app': 'support',
    },
    body: JSON.stringify({
      model: 'support',
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: 'system', content: 'You help the engineers of a web shop. Be brief.' },
        { role: 'user', content: 'Summarise the incident of this morning: what caused it?' },
      ],
    }),
  })
  await response.text()
  return response.headers.get('x-sluice-call-id') ?? ''
}

async function take(page: Page, name: string): Promise<void> {
  const browserSession = await page.context().newCDPSession(page)
  const { data } = await browserSession.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 82,
  })
  const bytes = Buffer.from(data, 'base64')
  assert.ok(bytes.length > 10_000 && bytes.length < maxBytes, `${name}: ${bytes.length} bytes`)
  writeFileSync(path.join(pictures, name), bytes)
}

test('the overview of a day, dark', { skip }, async () => {
  const { page, go, troubles } = await openView(browser, gateway, { colorScheme: 'dark' })
  await page.setViewportSize({ width: 1280, height: 800 })
  await signIn({ page, go, troubles, asked: [] }, adminPassword)
  await go('/?range=24h')
  await page.locator('.tile-value').first().waitFor()
  await page.getByRole('heading', { name: 'Dimension' }).waitFor()
  await take(page, 'overview.webp')
  assert.deepEqual(troubles, [])
  await page.context().close()
})

test('a call that a fallback answered, light', { skip }, async () => {
  const view = await openView(browser, gateway)
  await view.page.setViewportSize({ width: 1280, height: 800 })
  await signIn(view, adminPassword)
  const id = await ask()
  await view.go(`/requests/${id}`)
  const cost = view.page.getByRole('table', { name: 'Lines of the ledger' })
  await cost.getByText(/^in .* out /).waitFor()
  await view.page.locator('.timeline li').nth(1).waitFor()
  await take(view.page, 'inspector.webp')
  assert.deepEqual(view.troubles, [])
  await view.page.context().close()
})
