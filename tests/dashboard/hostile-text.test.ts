import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { json } from '../support/upstream-script.ts'
import { buildDashboard, launch, openView, signIn, skip, type View } from './browser.ts'
import { adminPassword, call, callerKey, manage } from './stage.ts'

// What callers and models say is shown to an admin: none of it may become more than text.

const payloads = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg/onload=alert(1)>',
  '"><iframe srcdoc="<script>parent.alert(1)</script>">',
  '<a href="javascript:alert(1)">click</a>',
  '[click](javascript:alert(1)) ![x](http://192.0.2.1/leak.png)',
  '<style>@import "http://192.0.2.1/x.css";</style>',
  '<base href="http://192.0.2.1/"><meta http-equiv="refresh" content="0;url=http://192.0.2.1/">',
  '{{constructor.constructor("alert(1)")()}}',
  '\u202e<b onmouseover=alert(1)>txt.exe</b>',
  '</textarea></pre></script><script>alert(1)</script>',
] as const

const everything = payloads.join('\n')

let browser: Browser
let gateway: Gateway
let upstream: Upstream
let view: View
let callId = ''
let failedId = ''

before(async () => {
  if (skip) return
  buildDashboard()
  upstream = await startUpstream()
  upstream
    .on('evil', json(200, replyOf(everything)))
    .on('worse', json(400, { error: { message: everything, type: everything, code: payloads[0] } }))
  gateway = await startGateway({ config })
  browser = await launch()
  view = await openView(browser, gateway)
  await signIn(view, adminPassword)
  const ask = (model: string) =>
    call(
      gateway,
      { model, user: everything, messages: payloads.map((content) => ({ role: 'user', content })) },
      {
        headers: {
          'user-agent': payloads[1],
          'x-bf-dim-team': payloads[2],
          'x-request-id': 'a<b>',
        },
      },
    )
  ;({ callId } = await ask('upstream/evil'))
  ;({ callId: failedId } = await ask('upstream/worse'))
  for (const name of payloads.filter((each) => !each.includes('\u202e')))
    await manage(gateway, 'POST', '/api/virtual-keys', { name: name.slice(0, 120) })
  await manage(gateway, 'POST', '/api/teams', {
    name: payloads[0],
    metadata: { note: payloads[1] },
  })
})
after(async () => {
  if (skip) return
  // Where the start failed there is nothing of it, and what is there must not keep this process.
  await browser?.close()
  await gateway?.stop('SIGINT')
  await upstream.stop()
})

const config = {
  get providers() {
    return {
      demo: { type: 'demo' },
      upstream: { type: 'openai-compatible', base_url: `${upstream.url}/v1` },
    }
  },
  version: 1,
  auth: { admin: { password: adminPassword } },
  virtual_keys: [{ name: 'caller', value: callerKey }],
  request_log: { content: 'all' },
}

const replyOf = (content: string) => ({
  id: content,
  object: 'chat.completion',
  created: 1,
  model: content,
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: {
        role: 'assistant',
        content,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: payloads[0], arguments: content } },
        ],
      },
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

/** What must not be on a page whatever was said: elements that only markup from outside would have made. */
const foreign =
  'script:not([src^="/assets/"]),iframe,base,meta[http-equiv],img,style,object,embed,[onerror],[onload],[onmouseover],a:not([href^="/"]),a[href^="//"]'

async function nothingCameAlive(): Promise<void> {
  assert.equal(await view.page.locator(foreign).count(), 0)
  assert.deepEqual(view.troubles, [])
  assert.match(view.page.url(), new RegExp(`^${gateway.url}/#`))
}

test('a conversation is text, however it is looked at', { skip }, async () => {
  const { page, go } = view
  await go(`/requests/${callId}`)
  await page.locator('.turns').waitFor()
  const said = await page.locator('.turns').innerText()
  for (const payload of payloads) assert.ok(said.includes(payload.trim()), payload)
  await nothingCameAlive()
  for (const tab of ['Request', 'Reply', 'Record']) {
    await page.getByRole('tab', { name: tab }).click()
    for (let raw = 0; raw < 2; raw++) {
      await page.getByLabel('Raw').click()
      await nothingCameAlive()
    }
  }
})

test('so is what a provider says of an error', { skip }, async () => {
  const { page, go } = view
  await go(`/requests/${failedId}`)
  await page.getByRole('heading', { name: 'Timeline' }).waitFor()
  await page.getByRole('tab', { name: 'Record' }).click()
  await nothingCameAlive()
})

test('names that others gave are text wherever they stand', { skip }, async () => {
  const { page, go } = view
  for (const [at, ready] of [
    ['/', '.tile-value'],
    ['/requests', 'tr[data-row]'],
    ['/keys', 'table'],
    ['/keys?tab=teams', 'table'],
    ['/usage?by=key', 'table'],
    ['/settings?tab=audit', 'table'],
    ['/settings', 'table'],
  ] as const) {
    await go(at)
    await page.locator(ready).first().waitFor()
    await nothingCameAlive()
  }
  await go('/keys')
  await page.getByText(payloads[0], { exact: true }).first().waitFor()
})

test('an address made by somebody else does nothing but filter', { skip }, async () => {
  const { page, go } = view
  for (const payload of payloads) {
    const text = encodeURIComponent(payload)
    for (const at of [
      `/requests?q=${text}&status=${text}&key=${text}`,
      `/requests?dimension=${text}`,
      `/?dim=${text}&range=${text}`,
      `/requests/${text}`,
      `/keys?search=${text}&tab=${text}`,
      `/routing?model=${text}`,
      `/playground?model=${text}&from_request=${text}`,
      `/usage?by=${text}&measure=${text}&range=${text}`,
      `/${text}`,
    ]) {
      await go(at)
      await page.locator('main').waitFor()
      await nothingCameAlive()
    }
  }
})

test('an answer in the playground is text while it arrives', { skip }, async () => {
  const { page, go } = view
  await go('/playground?model=upstream/evil')
  await page.getByRole('checkbox', { name: 'Stream' }).uncheck()
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.play-columns .said').getByText('alert(1)').first().waitFor()
  await nothingCameAlive()
})

test('the pages can be put into no frame', { skip }, async () => {
  const { headers } = await fetch(gateway.url)
  assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
})
