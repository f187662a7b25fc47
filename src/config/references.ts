import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

export interface ReferenceSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative `${file:…}` paths start here. */
  readonly folder: string
}

export interface Expansion {
  readonly text: string
  /** As shown to people: without the default, which may be a secret. */
  readonly references: readonly string[]
  /** Environment names that were looked at. */
  readonly names: readonly string[]
  /** Absolute paths that were read. */
  readonly files: readonly string[]
  /** `raw` is the reference as written, to find its place. */
  readonly problems: readonly { readonly raw: string; readonly message: string }[]
}

const maxFileBytes = 1024 * 1024

/** Replaces `${NAME}`, `${NAME:-default}` and `${file:path}`. What they yield is not looked at again. */
export function expandReferences(text: string, source: ReferenceSource): Expansion {
  const references: string[] = []
  const names: string[] = []
  const files: string[] = []
  const problems: { raw: string; message: string }[] = []
  const expanded = text.replace(/\$\{([^}]*)(\}?)/g, (raw, body: string, end: string) => {
    const fail = (message: string): string => {
      problems.push({ raw, message })
      return ''
    }
    const misformed = `is no reference. Write \${NAME}, \${NAME:-default} or \${file:path}.`
    if (end === '') return fail(`\${… ${misformed}`)
    if (body.startsWith('file:')) {
      const path = resolve(source.folder, body.slice(5))
      references.push(raw)
      files.push(path)
      return readReferenced(path, (reason) => fail(`${raw} cannot be read: ${reason}.`))
    }
    const [, name, rest, byDefault] = /^([A-Za-z_][A-Za-z0-9_]*)(:-([\s\S]*))?$/.exec(body) ?? []
    if (name === undefined) return fail(`\${…} ${misformed}`)
    references.push(`\${${name}}`)
    names.push(name)
    const value = source.env[name]
    if (rest !== undefined) return value || (byDefault ?? '')
    return (
      value ?? fail(`\${${name}} is not set. Set it, or write \${${name}:-} if empty is meant.`)
    )
  })
  return { text: expanded, references, names, files, problems }
}

function readReferenced(path: string, fail: (reason: string) => string): string {
  try {
    if (statSync(path).size > maxFileBytes) return fail('it is larger than 1 MiB')
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return fail(`there is no file ${path}`)
    if (code === 'EACCES') return fail(`this user may not read ${path}`)
    if (code === 'EISDIR') return fail(`${path} is a directory`)
    return fail(code ?? 'unknown error')
  }
}
