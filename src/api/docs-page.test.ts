import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { errorTable } from '../core/errors.ts'
import { docsPage, docsPolicy } from './docs-page.ts'
import { openapiDocument } from './openapi.ts'

const document = openapiDocument({ version: '1.2.3', publicUrl: 'https://ai.example.com' })
const page = docsPage(document)

const voidElements = new Set(['meta', 'br', '!doctype'])

/** The names of all elements, having made sure that every one that opens also closes, in order. */
function elementsOf(html: string): readonly string[] {
  const open: string[] = []
  const seen: string[] = []
  for (const [, slash, name = ''] of html.matchAll(/<(\/?)([a-z!][a-z0-9]*)\b[^<>]*>/gi)) {
    if (slash === '/') assert.equal(open.pop(), name)
    else if (!voidElements.has(name)) open.push(name)
    seen.push(name)
  }
  assert.deepEqual(open, [])
  return seen
}

test('every element closes, and none is a script or loads anything', () => {
  const elements = new Set(elementsOf(page))
  for (const name of ['script', 'link', 'img', 'iframe', 'object', 'form', 'base']) {
    assert.ok(!elements.has(name), name)
  }
  assert.doesNotMatch(page, /\s(?:style|src|on\w+)=|url\(|@import/)
})

test('the policy allows the one style by its hash and nothing else', () => {
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  assert.match(docsPolicy, /^default-src 'none'; /)
  assert.ok(docsPolicy.includes(`style-src 'sha256-${hash}'`))
  assert.doesNotMatch(docsPolicy, /unsafe/)
})

test('every operation is there once, with an example to paste', () => {
  for (const methods of Object.values(document.paths)) {
    for (const { operationId } of Object.values(methods)) {
      assert.equal(page.split(`>${operationId}<`).length, 2, operationId)
    }
  }
  assert.ok(
    page.includes('curl &#39;https://ai.example.com/openai/v1/chat/completions&#39; -X POST'),
  )
  assert.ok(
    page.includes(
      '/openai/deployments/demo%2Fhello/chat/completions?api-version=2024-10-21&#39; -X POST',
    ),
  )
})

test('every field of a request, every schema and every error code is there', () => {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    assert.ok(page.includes(`<code>${name}</code></h3>`), name)
    for (const field of Object.keys(schema['properties'] ?? {})) {
      assert.ok(page.includes(`<code>${field}</code>`), `${name}.${field}`)
    }
  }
  assert.ok(page.includes('<code>stream_options.include_usage</code>'))
  for (const code of Object.keys(errorTable)) assert.ok(page.includes(`id="error-${code}"`), code)
})

test('every link within the page leads somewhere, and no two places share a name', () => {
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map((match) => match[1])
  assert.equal(new Set(ids).size, ids.length)
  for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) {
    assert.ok(ids.includes(target), target)
  }
})

test('whatever the document says, it is text and never markup', () => {
  const evil = `"><script>alert('1')</script><b a='`
  const poison = (node: unknown): unknown => {
    if (typeof node === 'string') return node.startsWith('#/') ? node : `${node}${evil}`
    if (Array.isArray(node)) return node.map(poison)
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, poison(value)]))
  }
  const { components, ...rest } = document
  const poisoned = docsPage({ ...(poison(rest) as typeof document), components })
  assert.ok(poisoned.includes('&lt;script&gt;'))
  assert.ok(!elementsOf(poisoned).some((name) => name === 'script' || name === 'b'))
  const fields = docsPage({ ...document, components: poison(components) as typeof components })
  assert.ok(!elementsOf(fields).some((name) => name === 'script' || name === 'b'))
})
