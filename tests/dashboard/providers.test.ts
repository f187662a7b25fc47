import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import type { Gateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json } from '../support/upstream-script.ts'
import { buildDashboard, launch, openView, signIn, skip, type View } from './browser.ts'
import { adminPassword, call, hello, startStage } from './stage.ts'

// A provider from its making to its end, on the page.

const [main, other, bad] = ['sk-typed-once-0001', 'sk-typed-once-0002', 'sk-refused-0003']
let browser: Browser
let gateway: Gateway
let upstream: Upstream
let view: View

before(async () => {
  if (skip) return
  buildDashboard()
  ;[browser, gateway, upstream] = await Promise.all([launch(), startStage(), startUpstream()])
  upstream.on('picky', ({ credential }) =>
    credential === bad
      ? json(401, openaiError('no'))
      : json(200, {
          ...{ id: 'x', object: 'chat.completion', created: 1, model: 'picky' },
          choices: [
            { index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' },
          ],
        }),
  )
  view = await openView(browser, gateway)
  await signIn(view, adminPassword)
  await view.go('/providers')
})
after(async () => {
  if (skip) return
  await browser.close()
  await gateway.stop('SIGINT')
  await upstream.stop()
})

const panel = () => view.page.getByRole('region', { name: 'Provider mine' })
const dialog = () => view.page.getByRole('dialog')
async function credentialOfCall(): Promise<string | undefined> {
  assert.equal((await call(gateway, hello('x', 'mine/m'))).status, 200)
  return upstream.credentials.at(-1)
}

test('a provider is made with its key, and what is wrong is said at its field', {
  skip,
}, async () => {
  const { page } = view
  await page.getByRole('region', { name: 'Provider demo' }).getByText('file').waitFor()
  await page.getByRole('button', { name: 'New provider' }).click()
  await dialog().getByLabel('Name', { exact: true }).fill('mine')
  await dialog().getByLabel('Type').fill('openai')
  await dialog().getByLabel('Base URL').fill(`${upstream.url}/v1`)
  await dialog().getByLabel('Credential').fill(main)
  await dialog().getByRole('button', { name: 'Create provider' }).click()
  await dialog()
    .getByText(/leads into the private network/)
    .waitFor()
  await dialog().getByLabel('It may be reached in the private network').check()
  await dialog().getByRole('button', { name: 'Create provider' }).click()
  await panel()
    .getByRole('row', { name: /main \.\.\.0001 on/ })
    .waitFor()
  assert.equal((await page.content()).includes(main), false)
  assert.equal(await credentialOfCall(), main)
})

test('its key is rotated, switched off and on', { skip }, async () => {
  await panel().getByRole('button', { name: 'Rotate main of mine' }).click()
  await dialog().getByLabel('Credential').fill(other)
  await dialog().getByRole('button', { name: 'Save' }).click()
  await panel().getByText('...0002').waitFor()
  assert.equal(await credentialOfCall(), other)
  await panel().getByRole('button', { name: 'Switch off main of mine' }).click()
  await panel().getByRole('button', { name: 'Switch on main of mine' }).click()
  await panel().getByRole('button', { name: 'Switch off main of mine' }).waitFor()
  assert.equal(await credentialOfCall(), other)
})

test('a test call tells of each key how it did', { skip }, async () => {
  await panel().getByRole('button', { name: 'Add key to mine' }).click()
  await dialog().getByLabel('Name', { exact: true }).fill('refused')
  await dialog().getByLabel('Credential').fill(bad)
  await dialog().getByRole('button', { name: 'Add key' }).click()
  await panel()
    .getByRole('row', { name: /refused/ })
    .first()
    .waitFor()
  await panel().getByRole('button', { name: 'Test mine' }).click()
  await dialog().getByLabel('Model').fill('picky')
  await dialog().getByRole('button', { name: 'Make the call' }).click()
  const results = dialog().getByRole('list', { name: 'Results' }).getByRole('listitem')
  await results.filter({ hasText: 'refused' }).getByText('upstream_auth_failed').waitFor()
  await results.filter({ hasText: 'main' }).getByText('answered').waitFor()
  await dialog().getByRole('button', { name: 'Done' }).click()
})

test('its settings are changed as a file would have them', { skip }, async () => {
  await panel().getByRole('button', { name: 'Settings of mine' }).click()
  const text = dialog().getByLabel('Settings', { exact: true })
  const settings = JSON.parse(await text.inputValue()) as object
  await text.fill(JSON.stringify({ ...settings, max_concurrency: 0 }))
  await dialog().getByRole('button', { name: 'Save' }).click()
  await dialog().getByRole('alert').filter({ hasText: 'max_concurrency' }).waitFor()
  await text.fill(JSON.stringify({ ...settings, max_concurrency: 3 }))
  await dialog().getByRole('button', { name: 'Save' }).click()
  await view.page.getByText('mine was changed').waitFor()
  assert.equal(await credentialOfCall().then((found) => found !== undefined), true)
})

test('keys and provider are deleted by name, and calls to it are refused', { skip }, async () => {
  for (const name of ['refused', 'main']) {
    await panel()
      .getByRole('button', { name: `Delete ${name} of mine` })
      .click()
    await dialog()
      .getByLabel(/to go on/)
      .fill(name)
    await dialog().getByRole('button', { name: 'Delete' }).click()
    await view.page.getByText(`${name} was deleted`).waitFor()
  }
  await panel().getByRole('button', { name: 'Delete mine' }).click()
  await dialog()
    .getByLabel(/to go on/)
    .fill('mine')
  await dialog().getByRole('button', { name: 'Delete' }).click()
  await panel().waitFor({ state: 'detached' })
  assert.equal((await call(gateway, hello('x', 'mine/m'))).status, 404)
})

test('nothing went wrong on the way', { skip }, () => {
  assert.deepEqual(view.troubles, [])
})
