import assert from 'node:assert/strict'

export interface DocBlock {
  /** The page and the line its code begins on. */
  readonly place: string
  readonly language: string
  readonly code: string
  /** `here`: against a gateway in a checkout; `packaged`: where the package is installed; null: only shown. */
  readonly run: 'here' | 'packaged' | null
  /** What it prints, `…` standing for what differs each time; null where nothing is promised. */
  readonly output: string | null
}

const fence = /(?:^<!-- (run|output)(?:: (packaged))? -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm

/** The code blocks of a page. A block below `<!-- run -->` is run; one below `<!-- output -->` belongs to the one before. */
export function codeBlocks(page: string, text: string): DocBlock[] {
  const blocks: DocBlock[] = []
  for (const {
    0: whole,
    1: mark,
    2: where,
    3: language = '',
    4: code = '',
    index,
  } of text.matchAll(fence)) {
    const last = blocks.at(-1)
    if (mark === 'output') {
      assert.ok(last?.run, `${page}: an output without a block that is run`)
      blocks[blocks.length - 1] = { ...last, output: code }
      continue
    }
    const before = text.slice(0, index + whole.indexOf('```')).split('\n').length
    const run = mark === 'run' ? (where === 'packaged' ? 'packaged' : 'here') : null
    blocks.push({ place: `${page}:${before + 1}`, language, code, run, output: null })
  }
  return blocks
}

/** Compares what was printed with what a page promises, `url` written as the page writes it. */
export function expectOutput(
  printed: string,
  promised: string | null,
  url: string,
  written: string,
): void {
  if (promised === null) return
  const literal = promised.trim().replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')
  const pattern = literal.replaceAll('…', '[\\s\\S]*?')
  const got = printed.replaceAll(url, written).trim()
  assert.match(got, new RegExp(`^${pattern}$`), `it printed:\n${got}`)
}
