import assert from 'node:assert/strict'
import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import type { Gateway } from '../support/start-gateway.ts'
import { audit } from './axe.ts'
import {
  buildDashboard,
  launch,
  openView,
  pictures,
  signIn,
  skip,
  type View,
  type ViewOptions,
} from './browser.ts'
import { adminPassword, furnish, startStage } from './stage.ts'

// Every page in both themes and on a small screen: whether everybody can use it, what it asks for, and how it looks.

const root = path.join(import.meta.dirname, '../..')
let browser: Browser
let gateway: Gateway
let callId = ''

before(async () => {
  if (skip) return
  buildDashboard()
  mkdirSync(pictures, { recursive: true })
  gateway = await startStage()
  browser = await launch()
  callId = await furnish(gateway)
})
after(async () => {
  if (skip) return
  // Where the start failed there is nothing of it, and what is there must not keep this process.
  await browser?.close()
  await gateway?.stop('SIGINT')
})

/** Their addresses, with something that is on them once they are there. */
const places = (): readonly (readonly [
  name: string,
  at: string,
  heading: string,
  ready: string,
])[] => [
  ['overview', '/', 'Overview', '.tile-value'],
  ['requests', '/requests', 'Requests', 'tr[data-row]'],
  ['request', `/requests/${callId}`, callId, '.timeline li'],
  ['jobs', '/jobs', 'Jobs', '.card'],
  ['usage', '/usage', 'Usage', 'table'],
  ['keys', '/keys', 'Keys and budgets', 'table'],
  ['teams', '/keys?tab=teams', 'Keys and budgets', 'table'],
  ['customers', '/keys?tab=customers', 'Keys and budgets', 'table'],
  ['limits', '/keys?tab=limits', 'Keys and budgets', 'table'],
  ['providers', '/providers', 'Providers', 'table'],
  ['routing', '/routing', 'Routing', 'table'],
  ['playground', '/playground', 'Playground', '.play-columns'],
  ['settings', '/settings', 'Settings', 'table'],
  ['access', '/settings?tab=access', 'Settings', '.facts'],
  ['audit', '/settings?tab=audit', 'Settings', 'table'],
  ['prices', '/settings?tab=prices', 'Settings', 'table'],
]

async function visit({ go, page }: View, [, at, heading, ready]: Place): Promise<void> {
  await go(at)
  await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
  await page.locator(ready).first().waitFor()
  await page.locator('.skeleton').first().waitFor({ state: 'detached' })
}
type Place = ReturnType<typeof places>[number]

/** What opens on top of a page: its name, where it is, and the button that opens it. */
const dialogs = [
  ['New key', '/keys', 'New key'],
  ['Change key', '/keys', 'Change web'],
  ['Rotate key', '/keys', 'Rotate web'],
  ['Revoke key', '/keys', 'Revoke web'],
  ['New team', '/keys?tab=teams', 'New team'],
  ['Delete customer', '/keys?tab=customers', 'Delete acme'],
  ['New limit', '/keys?tab=limits', 'New limit'],
  ['Change limit', '/keys?tab=limits', 'Change demo/hello'],
  ['Saved views', '/requests?key=caller', 'Views'],
] as const

async function openEach(view: View): Promise<readonly string[]> {
  const { page, go } = view
  const found: string[] = []
  const look = async (name: string) => {
    await page.getByRole('dialog').waitFor()
    await page.locator('.skeleton').first().waitFor({ state: 'detached' })
    found.push(...(await audit(page)).map((each) => `${name}: ${each}`))
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  for (const [name, at, button] of dialogs) {
    await go(at)
    await page.getByRole('button', { name: button, exact: true }).click()
    await look(name)
  }
  await go('/jobs')
  await page.locator('.card button.link').first().click()
  await look('Job')
  await page.keyboard.press('Control+k')
  await look('Palette')
  await page.keyboard.press('?')
  await look('Keys')
  return found
}

async function walk(options: ViewOptions, name: string): Promise<void> {
  const view = await openView(browser, gateway, options)
  const found: string[] = []
  await view.go('/')
  await view.page.getByRole('button', { name: 'Sign in' }).waitFor()
  found.push(...(await audit(view.page)).map((each) => `sign-in: ${each}`))
  await signIn(view, adminPassword)
  for (const place of places()) {
    await visit(view, place)
    found.push(...(await audit(view.page)).map((each) => `${place[0]}: ${each}`))
    await view.page.screenshot({ path: path.join(pictures, `${name}-${place[0]}.png`) })
  }
  found.push(...(await openEach(view)))
  assert.deepEqual(found, [])
  assert.deepEqual(view.troubles, [])
  await view.page.context().close()
}

test('in light colours every page can be used by everybody', { skip }, async () => {
  await walk({ colorScheme: 'light' }, 'light')
})

test('in dark colours too', { skip }, async () => {
  await walk({ colorScheme: 'dark' }, 'dark')
})

test('and on a screen of 380 pixels', { skip }, async () => {
  await walk({ colorScheme: 'dark', width: 380 }, 'small')
})

test('a page asks for little, and not again for each row', { skip }, async () => {
  const view = await openView(browser, gateway)
  await signIn(view, adminPassword)
  for (const place of places()) {
    await view.go('/prices-of-nothing')
    await view.page.getByText('There is no such page').waitFor()
    const before = view.asked.length
    await visit(view, place)
    await view.page.waitForLoadState('networkidle').catch(() => {})
    const asked = view.asked.slice(before)
    const distinct = new Set(asked.map((each) => each.replace(/\?.*/, '')))
    assert.ok(distinct.size <= 4, `${place[0]}: ${[...distinct].join(', ')}`)
  }
  await view.page.context().close()
})

test('the keyboard alone leads through the pages', { skip }, async () => {
  const view = await openView(browser, gateway)
  const { page } = view
  await signIn(view, adminPassword)
  await page.keyboard.press('g')
  await page.keyboard.press('r')
  await page.getByRole('heading', { name: 'Requests' }).waitFor()
  await page.locator('tr[data-row]').first().focus()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Timeline' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('table', { name: 'Requests' }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('/')
  assert.equal(await page.evaluate('document.activeElement.type'), 'search')
  await page.keyboard.type('g k')
  assert.match(page.url(), /#\/requests/)
  await page.keyboard.press('Tab')
  const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
  assert.notEqual(outline, 'none')
  await page.context().close()
})

test('all of it together is at most 200 kB on the wire', { skip }, () => {
  const built = path.join(root, 'dashboard/dist')
  const files = globSync('**/*.{html,js,css,svg}', { cwd: built })
  const whole = files.map((file) => gzipSync(readFileSync(path.join(built, file))).length)
  const total = whole.reduce((sum, each) => sum + each, 0)
  assert.ok(files.length > 5)
  assert.ok(total <= 200_000, `${total} bytes`)
  for (const file of files) assert.ok(statSync(path.join(built, `${file}.br`)).size > 0, file)
})
