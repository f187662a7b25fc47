import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import OpenAI from 'openai'
import type { Browser } from 'playwright-core'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { buildDashboard, launch, openView, signIn, skip, type View } from './browser.ts'
import { adminPassword, call, callerKey, hello, manage, startStage } from './stage.ts'

// What somebody does with a gateway in the first hours, on its pages, in a real browser.

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

test('at the first run the password that was told opens the pages, and can be changed', {
  skip,
}, async () => {
  await using fresh = await startGateway({ noConfig: true })
  const { password } = await fresh.firstRun()
  const told = await toldAddress(fresh)
  assert.equal(told, `${fresh.url}/`)
  const newcomer = await openView(browser, fresh)
  await newcomer.page.goto(told)
  await newcomer.page.getByLabel('Password').fill('not this one')
  await newcomer.page.getByRole('button', { name: 'Sign in' }).click()
  await newcomer.page
    .getByText(/password/i)
    .last()
    .waitFor()
  await signIn(newcomer, password)
  await newcomer.page.getByRole('heading', { name: 'Overview' }).waitFor()
  await newcomer.go('/settings?tab=access')
  const sessions = newcomer.page.getByRole('table', { name: 'Open sessions' })
  await sessions.getByText('this one').waitFor()
  await newcomer.page.getByLabel('Present password').fill(password)
  await newcomer.page.getByLabel('New password').fill('something I can remember')
  await newcomer.page.getByRole('button', { name: 'Change password' }).click()
  await newcomer.page.getByRole('button', { name: 'Sign in' }).waitFor()
  await signIn(newcomer, 'something I can remember')
  assert.deepEqual(newcomer.troubles, [])
  await newcomer.page.context().close()
})

test('a key is made, shown once, and opens the gateway to an SDK', { skip }, async () => {
  const { page, go } = view
  await go('/keys')
  await page.getByRole('button', { name: 'New key' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name', { exact: true }).fill('team-web')
  await form.getByLabel('Budget in dollars').fill('0.1')
  await form.getByRole('button', { name: 'Create key' }).click()
  const shown = page.getByRole('dialog', { name: 'The key team-web' })
  const value = /sk-bf-[0-9a-f-]{36}/.exec(await shown.locator('pre').first().innerText())?.[0]
  assert.ok(value)
  await shown.getByRole('button', { name: 'I have it' }).click()
  await page.getByRole('row', { name: /team-web/ }).waitFor()
  assert.equal((await page.content()).includes(value), false)
  const client = new OpenAI({ apiKey: value, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
  const reply = await client.chat.completions.create({
    model: 'demo/hello',
    max_tokens: 10,
    messages: [{ role: 'user', content: 'from an SDK' }],
  })
  assert.match(reply.choices[0]?.message.content ?? '', /Sluice/)
})

test('a budget that is used up is seen, raised, and calls go on', { skip }, async () => {
  const { page, go } = view
  const key = await makeKey('short-of-money', { budget: { usd: '0.20', per: 'day' } })
  const first = await call(gateway, hello(), { key })
  assert.equal(first.status, 200)
  let refused = first
  for (let tries = 0; tries < 30 && refused.status === 200; tries++)
    refused = await call(gateway, hello(), { key })
  assert.equal(refused.status, 402)
  await go('/')
  await go('/keys')
  const row = page.getByRole('row', { name: /short-of-money/ })
  const meter = row.getByRole('meter', { name: 'Budget of short-of-money' })
  await page.waitForFunction(
    (element) => Number(element?.getAttribute('aria-valuenow')) > 0,
    await meter.elementHandle(),
  )
  assert.match((await meter.getAttribute('aria-valuetext')) ?? '', /of \$0\.20 per day/)
  await row.getByRole('button', { name: 'Change short-of-money' }).click()
  await page.getByRole('dialog').getByLabel('Budget in dollars').fill('5')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('short-of-money was changed').waitFor()
  assert.equal((await call(gateway, hello(), { key })).status, 200)
})

test('a revoked key opens nothing any more', { skip }, async () => {
  const { page, go } = view
  const key = await makeKey('to-be-revoked', {})
  assert.equal((await call(gateway, hello(), { key })).status, 200)
  await go('/')
  await go('/keys')
  await page.getByRole('button', { name: 'Revoke to-be-revoked' }).click()
  const dialog = page.getByRole('dialog')
  assert.equal(await dialog.getByRole('button', { name: 'Revoke' }).isDisabled(), true)
  await dialog.getByLabel(/to go on/).fill('to-be-revoked')
  await dialog.getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('The key was revoked').waitFor()
  assert.equal((await call(gateway, hello(), { key })).status, 401)
})

test('a job is seen to finish, and its answer can be read', { skip }, async () => {
  const { page, go } = view
  const { body } = await call(gateway, hello('later', 'demo/slow'), {
    headers: { 'x-bf-async': 'true' },
  })
  const { id } = body as { id: string }
  await go('/jobs')
  const card = page.getByRole('button', { name: id.slice(0, 8), exact: true })
  await page
    .getByRole('listitem')
    .filter({ has: card })
    .getByText('completed', { exact: true })
    .waitFor()
  await card.click()
  await page.getByText('This answer took three seconds to begin.').first().waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
})

test('a call is found by its id, and shows whom it asked before it was answered', {
  skip,
}, async () => {
  const { page } = view
  const { callId } = await call(gateway, hello('find me', 'smart'))
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill(callId)
  await page.keyboard.press('Enter')
  await page.getByRole('row', { name: /smart/ }).first().click()
  await page.getByRole('heading', { name: callId }).waitFor()
  const timeline = page.locator('section', { has: page.getByRole('heading', { name: 'Timeline' }) })
  const attempts = timeline.getByRole('listitem')
  await attempts.first().waitFor()
  const told = await attempts.allInnerTexts()
  assert.match(told[0] ?? '', /demo\/error-500/)
  assert.match(told.at(-1) ?? '', /demo\/hello/)
  assert.match(await page.locator('.turns').innerText(), /find me/)
})

test('the overview counts calls and leads to them', { skip }, async () => {
  const { page, go } = view
  await call(gateway, hello('counted'))
  await go('/')
  const tile = page.locator('.tile').filter({ hasText: 'Requests' }).getByRole('link')
  await tile.waitFor()
  assert.ok(Number(await tile.innerText()) > 0)
  await tile.click()
  await page.getByRole('table', { name: 'Requests' }).waitFor()
})

test('the playground streams an answer of two models side by side', { skip }, async () => {
  const { page, go } = view
  await go('/playground?model=demo/hello')
  await page.getByRole('button', { name: 'Compare with another' }).click()
  await page.getByLabel('User').fill('side by side')
  await page.getByRole('button', { name: 'Send' }).click()
  const columns = page.locator('.play-columns section')
  for (const at of [0, 1]) await columns.nth(at).getByText('side by side').waitFor()
  assert.equal(await columns.count(), 2)
})

test('a route is explained without being asked', { skip }, async () => {
  const { page, go } = view
  await go('/routing?model=smart')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('demo/error-500 would be asked first').waitFor()
})

test('nothing went wrong on the way, and nothing was asked of others', { skip }, () => {
  assert.deepEqual(view.troubles, [])
})

test('signing out ends it, and nothing secret stays behind', { skip }, async () => {
  const { page, go } = view
  await go('/settings?tab=access')
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
  )
  assert.equal(typeof kept, 'string')
  for (const secret of [adminPassword, 'sk-bf-', 'sluice-session-'])
    assert.equal(String(kept).includes(secret), false)
  assert.equal(await page.evaluate('document.cookie'), '')
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
})

async function makeKey(name: string, fields: object): Promise<string> {
  const { value } = await manage(gateway, 'POST', '/api/virtual-keys', { name, ...fields })
  assert.match(String(value), /^sk-bf-/)
  assert.notEqual(value, callerKey)
  return String(value)
}

/** The address in the banner, which comes after the line that says it listens. */
async function toldAddress(fresh: Gateway): Promise<string> {
  for (;;) {
    const told = /^ +Dashboard +(http:\S+)$/m.exec(fresh.stderr())?.[1]
    if (told !== undefined) return told
    await setImmediate()
  }
}
