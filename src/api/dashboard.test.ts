import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import fastify from 'fastify'
import { GatewayError } from '../core/errors.ts'
import { addDashboardRoutes, dashboardPolicy } from './dashboard.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-dashboard-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const script = 'console.log("built")'
function build(): void {
  mkdirSync(path.join(folder, 'built/assets'), { recursive: true })
  const put = (name: string, content: string | Buffer) =>
    writeFileSync(path.join(folder, 'built', name), content)
  put('index.html', '<!doctype html><title>Sluice</title>')
  put('assets/index-abc.js', script)
  put('assets/index-abc.js.br', brotliCompressSync(script))
  put('assets/index-abc.js.map', '{}')
  put('assets/.env', 'SECRET=1')
  writeFileSync(path.join(folder, 'secret.js'), 'not for browsers')
}

function app(at: string) {
  const server = fastify({ exposeHeadRoutes: true })
  server.setErrorHandler((thrown, _request, reply) =>
    reply.code(GatewayError.from(thrown).status).send('refused'),
  )
  addDashboardRoutes(server, at)
  return server
}

test('where it is not built, the page says how, and is there as soon as it is', async () => {
  const server = app(path.join(folder, 'built'))
  const before = await server.inject('/')
  assert.equal(before.statusCode, 503)
  assert.match(before.body, /npm run build:dashboard/)
  assert.equal(before.headers['cache-control'], 'no-store')
  build()
  const later = await server.inject('/')
  assert.equal(later.statusCode, 200)
  assert.match(later.body, /<title>Sluice<\/title>/)
})

test('every page and file is fenced in', async () => {
  const server = app(path.join(folder, 'built'))
  for (const url of ['/', '/assets/index-abc.js']) {
    const { headers } = await server.inject(url)
    assert.equal(headers['content-security-policy'], dashboardPolicy, url)
    assert.equal(headers['x-content-type-options'], 'nosniff', url)
    assert.equal(headers['referrer-policy'], 'no-referrer', url)
  }
  assert.match(dashboardPolicy, /default-src 'none'/)
  assert.match(dashboardPolicy, /require-trusted-types-for 'script'/)
  assert.doesNotMatch(dashboardPolicy, /unsafe|https?:|\*/)
})

test('files named by their content are kept by the browser, the page is asked for anew', async () => {
  const server = app(path.join(folder, 'built'))
  const file = await server.inject('/assets/index-abc.js')
  assert.equal(file.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(file.body, script)
  const page = await server.inject('/')
  assert.equal(page.headers['cache-control'], 'no-cache')
  const known = await server.inject({ url: '/', headers: { 'if-none-match': page.headers.etag } })
  assert.equal(known.statusCode, 304)
  assert.equal(known.body, '')
})

test('what was compressed ahead goes to those who take it', async () => {
  const server = app(path.join(folder, 'built'))
  const ask = (coding: string) =>
    server.inject({ url: '/assets/index-abc.js', headers: { 'accept-encoding': coding } })
  const small = await ask('gzip, deflate, br')
  assert.equal(small.headers['content-encoding'], 'br')
  assert.equal(brotliDecompressSync(small.rawPayload).toString(), script)
  assert.equal(small.headers.vary, 'Accept-Encoding')
  for (const coding of ['identity', 'gzip', 'br;q=0', 'x-br'])
    assert.equal((await ask(coding)).headers['content-encoding'], undefined, coding)
})

test('nothing else of the disk can be had', async () => {
  const server = app(path.join(folder, 'built'))
  for (const url of [
    '/assets/../../secret.js',
    '/assets/..%2f..%2fsecret.js',
    '/assets/%2e%2e/%2e%2e/secret.js',
    '/assets/..%5c..%5csecret.js',
    '/assets//etc/passwd',
    '/assets/%00index-abc.js',
    '/assets/index-abc.js.map',
    '/assets/index-abc.js.br',
    '/assets/.env',
    '/assets/index-abc.js/',
    '/assets/INDEX-ABC.js',
    '/assets/constructor',
    '/assets/',
  ])
    assert.equal((await server.inject(url)).statusCode, 404, url)
})
