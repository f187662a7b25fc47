import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Gateway } from '../support/start-gateway.ts'

const root = path.join(import.meta.dirname, '../..')

/** A Chromium of the system; null: there is none, and tests of the pages are skipped. */
const chromiumPath: string | null =
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((each) =>
    existsSync(each),
  ) ?? null

/** For tests that need a browser. */
export const skip: string | false =
  chromiumPath === null ? 'there is no Chromium here: apt-get install chromium' : false

/** Where pictures are put for people to look at. */
export const pictures = path.join(root, 'dashboard/dist-pictures')

export function buildDashboard(): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'tools/build-dashboard.ts'), '--if-stale'],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  assert.ok(existsSync(path.join(root, 'dashboard/dist/index.html')), stderr)
}

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? '',
    // Tests run as root in containers, where the sandbox cannot be set up.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })

export interface View {
  readonly page: Page
  /** What must not happen on any page: errors, foreign addresses, dialogs, breaches of the policy. */
  readonly troubles: readonly string[]
  /** Addresses of the API that were asked, with their methods. */
  readonly asked: readonly string[]
  /** To the page at an address behind the `#`. */
  go(place: string): Promise<void>
}

export interface ViewOptions {
  readonly colorScheme?: 'light' | 'dark'
  readonly width?: number
  readonly forcedColors?: 'active'
}

/** A fresh browser window on the gateway, not signed in. */
export async function openView(
  browser: Browser,
  { url }: Gateway,
  { colorScheme = 'light', width = 1280, forcedColors }: ViewOptions = {},
): Promise<View> {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height: 860 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...(forcedColors && { forcedColors }),
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const troubles: string[] = []
  const asked: string[] = []
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // A refusal is shown on the page; the browser's own line about its status is no trouble.
    const isStatus = /^Failed to load resource: the server responded with a status/.test(
      message.text(),
    )
    if (message.type() === 'error' && !isStatus) troubles.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    const address = request.url()
    if (!address.startsWith(`${url}/`) && !address.startsWith('data:'))
      troubles.push(`foreign address: ${address}`)
    if (address.startsWith(`${url}/api/`))
      asked.push(`${request.method()} ${address.slice(url.length)}`)
  })
  const go = async (place: string) => {
    await page.goto(`${url}/#${place}`)
  }
  return { page, troubles, asked, go }
}

export async function signIn(
  { page, go }: View,
  password: string,
  username = 'admin',
): Promise<void> {
  await go('/')
  await page.getByLabel('Name', { exact: true }).fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation', { name: 'Pages' }).waitFor()
}
