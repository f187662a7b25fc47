import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from '../src/config/load.ts'
import { providerTypes } from '../src/providers/registry.ts'
import { renderDocs } from '../tools/docs.ts'
import { codeBlocks, type DocBlock, expectOutput } from './support/doc-blocks.ts'
import { type Gateway, startGateway } from './support/start-gateway.ts'

const root = path.join(import.meta.dirname, '..')
const written = 'http://127.0.0.1:8080'
const pages = new Map(
  globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root })
    .sort()
    .map((page) => [page, readFileSync(path.join(root, page), 'utf8')]),
)
const blocks = [...pages].flatMap(([page, text]) => codeBlocks(page, text))

let gateway: Gateway
let env: NodeJS.ProcessEnv
/** Where blocks run: the folder that holds the gateway's `data`, as for a reader. */
let folder: string

before(async () => {
  gateway = await startGateway({ noConfig: true })
  folder = path.dirname(gateway.dataDir)
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(
    path.join(bin, 'sluice'),
    `#!/bin/sh\nexec '${process.execPath}' '${root}/src/main.ts' "$@"\n`,
  )
  chmodSync(path.join(bin, 'sluice'), 0o755)
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  env = {
    PATH: [bin, path.dirname(process.execPath), process.env['PATH']].join(':'),
    HOME: folder,
    NO_COLOR: '1',
    SLUICE_KEY: (await gateway.firstRun()).key,
    SLUICE_URL: gateway.url,
  }
})
after(() => gateway.stop('SIGINT'))

test('there are pages, and blocks to run in them', () => {
  assert.ok(pages.size > 15)
  assert.ok(blocks.filter(({ run }) => run === 'here').length >= 10)
})

const hasCurl = (process.env['PATH'] ?? '')
  .split(':')
  .some((place) => existsSync(path.join(place, 'curl')))

for (const block of blocks.filter(({ run }) => run === 'here'))
  test(`${block.place} does what it says`, { skip: skipReason(block) }, async () => {
    const code = block.code.replaceAll(written, gateway.url)
    expectOutput(await runBlock(block, code), block.output, gateway.url, written)
  })

/** Small images have no curl; everything else is there wherever the tests are. */
function skipReason({ language, code }: DocBlock): string | false {
  return language === 'sh' && /\bcurl\b/.test(code) && !hasCurl && 'there is no curl here'
}

function runBlock({ language, place }: DocBlock, code: string): Promise<string> {
  if (language === 'sh') return runProgram('bash', ['-euo', 'pipefail', '-c', `exec 2>&1\n${code}`])
  const file = path.join(folder, `${place.replace(/\W+/g, '-')}.${language}`)
  writeFileSync(file, code)
  return runProgram(process.execPath, [file])
}

/** Resolves with what it printed; rejects with both outputs where it fails. */
function runProgram(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`it ended with ${code}\n${out}${err}`)),
    )
  })
}

for (const example of globSync('examples/*.ts', { cwd: root }).sort())
  test(`${example} runs against a started gateway`, async () => {
    const output = await runProgram(process.execPath, [path.join(root, example)])
    const promised = /^\/\/ Prints: (.+)$/m.exec(readFileSync(path.join(root, example), 'utf8'))
    assert.ok(promised, 'an example says in its first lines what it prints')
    expectOutput(output, String(promised[1]), gateway.url, written)
  })

test('every configuration shown is one that the gateway takes', () => {
  const shown = blocks.filter(
    ({ language, code }) => language === 'yaml' && /^version:/m.test(code),
  )
  const files = globSync('examples/*.yaml', { cwd: root })
  const all = [
    ...shown.map(({ place, code }) => ({ place, code })),
    ...files.map((place) => ({ place, code: readFileSync(path.join(root, place), 'utf8') })),
  ]
  assert.ok(all.length >= 6)
  const file = path.join(folder, 'shown.yaml')
  writeFileSync(
    path.join(folder, 'ca.pem'),
    readFileSync(path.join(root, 'tests/fixtures/tls/ca.pem')),
  )
  for (const { place, code } of all) {
    writeFileSync(file, code)
    const names = [...code.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
    const loaded = loadConfig({
      flags: { config: file },
      env: Object.fromEntries(names.map((name) => [name, secretFor(name)])),
      cwd: folder,
      providerTypes: [...providerTypes.values()],
    })
    assert.deepEqual(loaded.warnings, [], place)
    assert.deepEqual(loaded.notInForce, [], `${place} shows what is not in force`)
  }
})

/** A virtual key for a team, anything else for a provider. */
const secretFor = (name: string): string =>
  name.startsWith('TEAM') ? `sk-bf-${crypto.randomUUID()}` : 'sk-0123456789'

test('the generated parts are as the sources have them now (npm run docs)', async () => {
  for (const [page, text] of await renderDocs())
    assert.equal(readFileSync(path.join(root, page), 'utf8'), text, page)
})

test('links inside the project lead somewhere, to the heading too', () => {
  let checked = 0
  for (const [page, text] of pages)
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      checked++
      const [file = '', anchor] = target.split('#')
      const found = file === '' ? page : path.join(path.dirname(page), file)
      assert.ok(existsSync(path.join(root, found)), `${page}: ${target}`)
      if (anchor !== undefined)
        assert.ok(anchorsOf(pages.get(found) ?? '').includes(anchor), `${page}: ${target}`)
    }
  assert.ok(checked > 20)
})

function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  return [...headings, ...named]
}

test('no page names a place on the machine of whoever wrote it', () => {
  const examples = globSync('examples/**/*.{ts,yaml}', { cwd: root })
  const texts = [...pages, ...examples.map((e) => [e, readFileSync(path.join(root, e), 'utf8')])]
  for (const [page = '', text = ''] of texts)
    if (!page.startsWith('bench/'))
      assert.doesNotMatch(text, /(?<![\w.$}%/-])\/(home|root|work|farm|Users|tmp|mnt|opt)\b/, page)
})

test('the pages that must be short are', () => {
  const lines = (page: string): number => (pages.get(page) ?? '').split('\n').length - 1
  assert.ok(lines('README.md') > 50 && lines('README.md') < 200)
  for (const page of pages.keys())
    if (page.startsWith('docs/decisions/')) assert.ok(lines(page) <= 40, page)
})
