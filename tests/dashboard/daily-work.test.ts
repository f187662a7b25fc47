import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai'
import type { Browser } from 'playwright-core'
import type { Gateway } from '../support/start-gateway.ts'
import { buildDashboard, launch, openView, signIn, skip, type View } from './browser.ts'
import { adminPassword, call, callerKey, hello, startStage } from './stage.ts'

// What somebody does on the pages of a gateway that others use: finding, comparing, adding up.

let browser: Browser
let gateway: Gateway
let view: View

before(async () => {
  if (skip) return
  buildDashboard()
  gateway = await startStage()
  browser = await launch()
  view = await openView(browser, gateway)
  await signIn(view, adminPassword)
})
after(async () => {
  if (skip) return
  // Where the start failed there is nothing of it, and what is there must not keep this process.
  await browser?.close()
  await gateway?.stop('SIGINT')
})

test('a call of an SDK is found by its request id, with its times', { skip }, async () => {
  const { page } = view
  const client = new OpenAI({ apiKey: callerKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
  const { data, response } = await client.chat.completions
    .create(
      {
        model: 'demo/stream',
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: 'tell me slowly' }],
      },
      { headers: { 'x-request-id': 'order-4711' } },
    )
    .withResponse()
  for await (const _chunk of data);
  assert.equal(response.headers.get('x-request-id'), 'order-4711')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'A page' }).fill('order-4711')
  await page.keyboard.press('Enter')
  await page
    .getByRole('row', { name: /demo\/stream/ })
    .first()
    .click()
  await page.getByRole('heading', { name: 'Timeline' }).waitFor()
  const facts = await page.locator('dl.facts').first().innerText()
  for (const fact of ['First byte', 'First token', 'The gateway’s part', 'tokens/s', 'order-4711'])
    assert.ok(facts.includes(fact), `${fact} is not in ${facts}`)
})

test('what a call cost is told as tokens times prices', { skip }, async () => {
  const { page, go } = view
  const { callId } = await call(gateway, hello('priced'))
  await go(`/requests/${callId}`)
  const cost = page.getByRole('table', { name: 'Lines of the ledger' })
  const told = /in (\d+) × \$1,000\/M \+ out (\d+) × \$1,000\/M/
  await cost.getByText(told).waitFor()
  const text = await cost.innerText()
  const [, input, output] = told.exec(text) ?? []
  assert.ok(text.includes(`$${((Number(input) + Number(output)) * 1000) / 1e6}`), text)
})

test('a request is made again with another model beside the one it had', { skip }, async () => {
  const { page, go } = view
  const { callId } = await call(gateway, hello('say this again'))
  await go(`/requests/${callId}`)
  await page.getByRole('link', { name: 'Replay with…' }).click()
  const user = page.getByLabel('User')
  await page.waitForFunction(
    (element) => (element as unknown as { value: string } | null)?.value === 'say this again',
    await user.elementHandle(),
  )
  await page.getByRole('button', { name: 'Compare with another' }).click()
  const columns = page.locator('.play-columns section')
  await columns.nth(1).getByLabel('Model').fill('demo/stream')
  await page.getByRole('button', { name: 'Send' }).click()
  for (const at of [0, 1]) await columns.nth(at).getByText('ended by').waitFor()
  assert.match(await columns.nth(0).innerText(), /say this again/)
  assert.match(await columns.nth(1).innerText(), /by demo\/stream/)
})

test('it is copied as curl that does the same', { skip }, async () => {
  const { page, go } = view
  const { callId } = await call(gateway, hello("it's copied"))
  await go(`/requests/${callId}`)
  await page.getByRole('button', { name: 'As curl' }).click()
  const copied = await page.evaluate<string>('navigator.clipboard.readText()')
  assert.ok(copied.startsWith(`curl ${gateway.url}/v1/chat/completions`))
  assert.ok(copied.includes(`it'\\''s copied`))
  assert.equal(copied.includes(callerKey), false)
})

test('tools are offered, and what the model asks of them is shown', { skip }, async () => {
  const { page, go } = view
  await go('/playground?model=demo/tools')
  await page.getByText('More: tools').click()
  await page.getByRole('button', { name: 'Put in an example of a tool' }).click()
  await page.getByRole('button', { name: 'Send' }).click()
  await page
    .locator('.play-columns pre')
    .getByText(/weather_in\(/)
    .waitFor()
})

test('calls are added up and narrowed to by what their callers call them', { skip }, async () => {
  const { page, go } = view
  const rows = async (count: number) => {
    await page.locator('tr[data-row]').nth(count).waitFor({ state: 'detached' })
    await page
      .locator('tr[data-row]')
      .nth(count - 1)
      .waitFor()
  }
  for (const app of ['shop', 'shop', 'blog'])
    await call(gateway, hello(app), { headers: { 'x-bf-dim-app': app } })
  await go('/?range=15m')
  const dimension = page.locator('section', {
    has: page.getByRole('heading', { name: 'Dimension' }),
  })
  await dimension.getByLabel('Named').selectOption('app')
  await dimension.getByRole('link', { name: 'shop' }).click()
  await page.getByRole('button', { name: 'Take out dimension app=shop' }).waitFor()
  await rows(2)
  await go('/requests?q=')
  await page.getByLabel('Search').fill('dim:app=blog')
  await page.keyboard.press('Enter')
  await rows(1)
})

test('a filter is kept by a name, and found again after a reload', { skip }, async () => {
  const { page, go } = view
  await go('/requests?key=caller&status=2xx')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByLabel('Name of what is shown now').fill('well answered')
  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByRole('button', { name: 'well answered', exact: true }).waitFor()
  await go('/requests')
  await page.reload()
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('button', { name: 'well answered', exact: true }).click()
  await page.getByRole('button', { name: 'Take out status 2xx' }).waitFor()
  assert.match(page.url(), /key=caller/)
})

test('what was used is told by two dimensions at once', { skip }, async () => {
  const { page, go } = view
  await go('/usage?by=key&and=model')
  const table = page.getByRole('table', { name: 'Usage by key and model' })
  await table.getByRole('row', { name: /caller.*hello/ }).waitFor()
})

test('a key whose words are not to be kept says so, and they are not', { skip }, async () => {
  const { page, go } = view
  await go('/keys')
  await page.getByRole('button', { name: 'New key' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name', { exact: true }).fill('discreet')
  await form.getByLabel(/What is said may be kept/).uncheck()
  await form.getByRole('button', { name: 'Create key' }).click()
  const shown = page.getByRole('dialog', { name: 'The key discreet' })
  const key = /sk-bf-[0-9a-f-]{36}/.exec(await shown.locator('pre').first().innerText())?.[0]
  await shown.getByRole('button', { name: 'I have it' }).click()
  await page
    .getByRole('row', { name: /discreet/ })
    .getByText('nothing it says is kept')
    .waitFor()
  const { callId } = await call(gateway, hello('between us'), { key: key ?? '' })
  await go(`/requests/${callId}`)
  await page.getByText('Nothing that this key says is kept').waitFor()
})

test('a job leads to the calls that were made for it', { skip }, async () => {
  const { page, go } = view
  const { body } = await call(gateway, hello('later'), { headers: { 'x-bf-async': 'true' } })
  const { id } = body as { id: string }
  await go(`/jobs?job=${id}`)
  const dialog = page.getByRole('dialog')
  await dialog.getByText('completed').waitFor()
  assert.match(await dialog.locator('dl').innerText(), /Submitted/)
  await dialog.getByRole('link', { name: 'Calls of its time' }).click()
  await page.getByRole('row', { name: /job/ }).first().click()
  await page.getByRole('link', { name: id.slice(0, 8) }).waitFor()
})

test('nothing went wrong on the way, and nothing was asked of others', { skip }, () => {
  assert.deepEqual(view.troubles, [])
})
