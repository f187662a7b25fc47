import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { JsonScan, readField, replyRules, requestRules, scanJson } from './json-scan.ts'
import { type JsonEdit, spliceJson } from './json-splice.ts'

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
const scans = (text: string): boolean => {
  try {
    scanJson(Buffer.from(text), replyRules)
    return true
  } catch {
    return false
  }
}
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const runs = Number(process.env['FUZZ_RUNS'] ?? 3000)

test('it accepts exactly the objects that JSON.parse accepts: mutated JSON', () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom(
        '',
        '"',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\\',
        '\\u',
        '0',
        '-',
        '.',
        'e',
        '\n',
        '\u0001',
        't',
        'null',
        ' ',
      ),
      fc.nat(3),
      (json, place, insert, drop) => {
        const source = `{"a":${json},"é":[${json}]}`
        const at = place % (source.length + 1)
        const text = source.slice(0, at) + insert + source.slice(at + drop)
        if (!text.isWellFormed()) return
        const parsed = parse(text)
        assert.equal(scans(text), isObject(parsed), text)
      },
    ),
    { numRuns: runs },
  )
})

test('it accepts exactly the objects that JSON.parse accepts: token soup', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '1',
    '-',
    '0',
    '1.5',
    '1e5',
    '01',
    '.5',
    '1.',
    '1e',
    '-0',
    'true',
    'tru',
    'null',
    'NaN',
    ' ',
    '\t',
    '\\',
    "'a'",
    '"\\u00e9"',
    '"\\x"',
    '"\t"',
    '/**/',
    '\u00a0',
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      for (const text of [tokens.join(''), `{"a":${tokens.join('')}}`, `{${tokens.join('')}}`])
        assert.equal(scans(text), isObject(parse(text)), text)
    }),
    { numRuns: runs },
  )
})

test('it accepts exactly what JSON.parse accepts where strings are long and bytes stand anywhere', () => {
  const part = fc.constantFrom(
    'plain text ',
    'é🚀',
    '\\n',
    '\\\\',
    '\\"',
    '"',
    '\\',
    '\n',
    '\t',
    '\u007f',
    '\u0000',
  )
  fc.assert(
    fc.property(
      fc.nat(70),
      fc.array(fc.tuple(fc.nat(60), part), { maxLength: 4 }),
      fc.nat(8),
      (lead, parts, offset) => {
        const long = 'x'.repeat(lead) + parts.map(([n, text]) => text + 'y'.repeat(n)).join('')
        const text = `{"a":"${long}","b":1}`
        // The look-ahead reads whole words of memory, so the place of the first byte matters.
        const bytes = Buffer.from(' '.repeat(offset) + text).subarray(offset)
        let accepted = true
        try {
          scanJson(bytes, replyRules)
        } catch {
          accepted = false
        }
        assert.equal(accepted, isObject(parse(text)), JSON.stringify(text))
      },
    ),
    { numRuns: runs },
  )
})

test('the members it notes are those of JSON.parse, with their values', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(0, 1, 2),
      (value, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, null, indent))
        if (!bytes.toString().isWellFormed()) return
        const fields = scanJson(bytes, requestRules)
        const expected = JSON.parse(bytes.toString()) as Record<string, unknown>
        assert.deepEqual(new Set(fields.keys()), new Set(Object.keys(expected)))
        for (const [name, field] of fields)
          assert.deepEqual(readField(bytes, field), expected[name])
      },
    ),
    { numRuns: runs },
  )
})

test('scanning in small steps finds what scanning at once finds', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.integer({ min: 1, max: 9 }),
      (value, step) => {
        const bytes = Buffer.from(JSON.stringify(value))
        const scan = new JsonScan(bytes, requestRules)
        let steps = 0
        while (!scan.run(step)) assert.ok(++steps <= bytes.length)
        assert.deepEqual(scan.fields, scanJson(bytes, requestRules))
      },
    ),
    { numRuns: 1000 },
  )
})

test('edits change what they name and not one other byte', () => {
  const names = ['model', 'stream', 'a', 'b', 'é"\\']
  const edit: fc.Arbitrary<JsonEdit> = fc.oneof(
    fc.record({ name: fc.constantFrom(...names, 'new'), value: fc.json() }),
    fc.record({ name: fc.constantFrom(...names, 'new'), remove: fc.constant(true as const) }),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.jsonValue()), {
        selector: ([name]) => name,
      }),
      fc.uniqueArray(edit, { selector: ({ name }) => name }),
      fc.constantFrom(0, 2),
      (members, edits, indent) => {
        const source = Object.fromEntries(members)
        const bytes = Buffer.from(JSON.stringify(source, null, indent))
        const fields = scanJson(bytes, requestRules)
        const out = spliceJson(bytes, fields, edits)
        const expected: Record<string, unknown> = JSON.parse(bytes.toString())
        for (const each of edits)
          if ('value' in each) expected[each.name] = JSON.parse(each.value)
          else delete expected[each.name]
        assert.deepEqual(JSON.parse(out.toString()), expected)
        const after = scanJson(out, requestRules)
        for (const [name, field] of fields) {
          if (edits.some((each) => each.name === name)) continue
          const now = after.get(name)
          assert.ok(now)
          assert.equal(
            out.toString('utf8', now.keyStart, now.end),
            bytes.toString('utf8', field.keyStart, field.end),
          )
        }
      },
    ),
    { numRuns: runs },
  )
})

test('a member can be given another name in its place', () => {
  const bytes = Buffer.from('{ "seed" : 7, "b":1}')
  const out = spliceJson(bytes, scanJson(bytes, requestRules), [
    { name: 'seed', rename: 'random_seed' },
    { name: 'missing', rename: 'x' },
  ])
  assert.equal(out.toString(), '{ "random_seed" : 7, "b":1}')
})

const refused = (text: string | Buffer) => {
  try {
    scanJson(Buffer.from(text as string), requestRules)
    return undefined
  } catch (error) {
    return error as { code: string; message: string; facts: { param?: string } }
  }
}

test('a duplicate is refused however its name is spelt', () => {
  assert.equal(refused('{"model":"a","mod\\u0065l":"b"}')?.code, 'duplicate_key')
  assert.equal(refused('{"model":"a","model":"a"}')?.facts.param, 'model')
  assert.equal(refused('{"a":{"model":1},"model":2}'), undefined)
})

test('nesting is bounded at 64 levels', () => {
  const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  assert.equal(refused(nested(64)), undefined)
  assert.equal(refused(nested(65))?.code, 'too_deep')
  assert.equal(refused(`{"a":${'['.repeat(100_000)}`)?.code, 'too_deep')
})

test('what is no UTF-8 text is told apart from bad JSON', () => {
  assert.equal(refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))?.code, 'invalid_encoding')
  assert.equal(refused(Buffer.from('{"a":1}', 'utf16le'))?.code, 'invalid_encoding')
  assert.equal(refused(Buffer.from('\ufeff{"a":1}')), undefined)
  assert.equal(refused('{"a":"\\ud800"}'), undefined)
})

test('a fault is told with its place and without the text', () => {
  const error = refused('{\n  "secret": "x",\n  "a": 1,\n}')
  assert.equal(error?.code, 'invalid_json')
  assert.match(error?.message ?? '', /at line 4, column 1$/)
  assert.doesNotMatch(error?.message ?? '', /secret/)
  for (const text of ['', 'null', '[]', '"a"', '{"a":NaN}', "{'a':1}", '{"a":1}x'])
    assert.equal(refused(text)?.code, 'invalid_json', text)
})

test('names that mean something to JavaScript are plain data', () => {
  const fields = scanJson(Buffer.from('{"__proto__":{"x":1},"constructor":2}'), requestRules)
  assert.deepEqual([...fields.keys()], ['__proto__', 'constructor'])
  assert.equal(({} as { x?: number }).x, undefined)
})
