import { createHash } from 'node:crypto'
import { errorTable } from '../core/errors.ts'
import type { Node } from './openapi-components.ts'
import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi-document.ts'

const style = `
:root { color-scheme: light dark; --line: #d8dce2; --soft: #f5f6f8; --dim: #5b6472; --accent: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --line: #343a44; --soft: #1d2128; --dim: #a3acba; --accent: #8ab4f8 }
  body { background: #14171c; color: #e6e9ee }
}
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem }
h1 { margin: 0 }
h2 { border-bottom: 1px solid var(--line); margin: 3rem 0 1rem; padding-bottom: .25rem }
h3 { font-size: 1rem; margin: 2.5rem 0 .25rem; overflow-wrap: anywhere }
h4 { color: var(--dim); font-size: .875rem; margin: 1.25rem 0 .25rem }
p { margin: .5rem 0 }
a { color: var(--accent) }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { background: var(--soft); border-radius: 6px; overflow-x: auto; padding: .75rem 1rem }
table { border-collapse: collapse; display: block; font-size: .9rem; overflow-x: auto; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top }
th { color: var(--dim); font-weight: 600 }
.method { background: var(--soft); border-radius: 4px; margin-right: .5rem; padding: .1rem .4rem }
.dim { color: var(--dim) }
`

/** The page holds no script and asks for nothing: only its own style, known by its hash, may apply. */
export const docsPolicy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** One HTML page for people, from the same document that machines read. Send it with `docsPolicy`. */
export function docsPage(document: OpenApiDocument): string {
  const { title, version, description } = document.info
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${toHtml(title)} HTTP API</title>
<style>${style}</style>
</head>
<body>
<h1>${toHtml(title)} HTTP API</h1>
<p class="dim">Version ${toHtml(version)} · <a href="openapi.json">openapi.json</a></p>
${prose(description)}
<nav><ul>
${document.tags.map(({ name }) => `<li><a href="#${anchor(name)}">${toHtml(name)}</a></li>`).join('\n')}
<li><a href="#credentials">Credentials</a></li>
<li><a href="#schemas">Schemas</a></li>
<li><a href="#errors">Errors</a></li>
</ul></nav>
<main>
${document.tags.map((tag) => tagSection(document, tag)).join('\n')}
${credentialSection(document)}
${schemaSection(document)}
${errorSection(document)}
</main>
</body>
</html>
`
}

/** An operation with several tags is shown under its last, which is the narrowest. */
function tagSection(document: OpenApiDocument, tag: OpenApiDocument['tags'][number]): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.at(-1) === tag.name)
      .map(([method, operation]) => operationSection(document, path, method, operation)),
  )
  return `<section><h2 id="${anchor(tag.name)}">${toHtml(tag.name)}</h2>
${prose(tag.description)}
${operations.join('\n')}
</section>`
}

function operationSection(
  document: OpenApiDocument,
  path: string,
  method: string,
  operation: OpenApiOperation,
): string {
  const parameters = operation.parameters ?? []
  const body = operation.requestBody?.content['application/json'] as Node | undefined
  const schema = body?.['schema'] as Node | undefined
  return `<article><h3 id="${anchor(operation.operationId)}"><code class="method">${toHtml(method.toUpperCase())}</code><code>${toHtml(path)}</code></h3>
<p><strong>${toHtml(operation.summary)}</strong> <span class="dim">${toHtml(operation.operationId)}</span></p>
${prose(operation.description ?? '')}
${parameters.length > 0 ? `<h4>Parameters</h4>${parameterTable(parameters)}` : ''}
${schema === undefined ? '' : `<h4>Body</h4><p><code>application/json</code>: ${typeOf(schema)}</p>`}
<h4>Replies</h4>
${replies(operation)}
<h4>Example</h4>
<pre>${toHtml(curl(document, path, method, operation, body?.['example']))}</pre>
</article>`
}

function parameterTable(parameters: readonly OpenApiParameter[]): string {
  return table(
    ['Name', 'In', 'Type', 'Description'],
    parameters.map((parameter) => [
      `<code>${toHtml(parameter.name)}</code>${parameter.required === true ? ' (required)' : ''}`,
      toHtml(parameter.in),
      typeOf(parameter.schema),
      inline(parameter.description),
    ]),
  )
}

/** Errors look alike everywhere: here only their statuses, each a link to the one description. */
function replies(operation: OpenApiOperation): string {
  const entries = Object.entries(operation.responses) as [string, Node][]
  const own = entries.filter(([, reply]) => refName(reply) === undefined)
  const shared = entries.flatMap(([status, reply]) => {
    const name = refName(reply)
    return name === undefined ? [] : [`<a href="#${anchor(name)}">${toHtml(status)}</a>`]
  })
  const rows = own.map(([status, reply]) => [
    toHtml(status),
    inline(String(reply['description'] ?? '')),
    bodies(reply),
  ])
  return `${table(['Status', 'Meaning', 'Body'], rows)}
<p>Errors: ${shared.join(', ')}</p>`
}

function bodies(reply: Node): string {
  return Object.entries((reply['content'] ?? {}) as Record<string, Node>)
    .map(([type, media]) => `<code>${toHtml(type)}</code> ${typeOf(media['schema'] as Node)}`)
    .join('<br>')
}

function credentialSection(document: OpenApiDocument): string {
  const rows = Object.entries(document.components.securitySchemes).map(([name, scheme]) => [
    `<code>${toHtml(name)}</code>`,
    inline(String(scheme['description'] ?? '')),
  ])
  return `<section><h2 id="credentials">Credentials</h2>
<p>Any one of these is enough, where credentials are needed at all.</p>
${table(['Scheme', 'What to send'], rows)}
</section>`
}

function schemaSection(document: OpenApiDocument): string {
  const parts = Object.entries(document.components.schemas).map(([name, schema]) => {
    const required = (schema['required'] ?? []) as readonly string[]
    const rows = fieldRows((schema['properties'] ?? {}) as Record<string, Node>, required, '')
    return `<article><h3 id="${anchor(name)}"><code>${toHtml(name)}</code></h3>
${prose(String(schema['description'] ?? ''))}
${table(['Field', 'Type', 'Description'], rows)}
</article>`
  })
  return `<section><h2 id="schemas">Schemas</h2>
<p>Fields that are not listed are passed on as they are.</p>
${parts.join('\n')}
</section>`
}

/** Fields of nested objects follow their parent, with the path to them: no component is nested without an end. */
function fieldRows(
  properties: Readonly<Record<string, Node>>,
  required: readonly string[],
  prefix: string,
): readonly (readonly string[])[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const items = schema['items'] as Node | undefined
    const inner = schema['properties'] === undefined ? items : schema
    const path =
      inner === items && items !== undefined ? `${prefix}${name}[].` : `${prefix}${name}.`
    return [
      [
        `<code>${toHtml(prefix + name)}</code>${required.includes(name) ? ' (required)' : ''}`,
        typeOf(schema),
        inline(String(schema['description'] ?? '')),
      ],
      ...fieldRows(
        (inner?.['properties'] ?? {}) as Record<string, Node>,
        (inner?.['required'] ?? []) as readonly string[],
        path,
      ),
    ]
  })
}

function errorSection(document: OpenApiDocument): string {
  const rows = Object.entries(errorTable).map(([code, spec]) => [
    `<code id="error-${toHtml(code)}">${toHtml(code)}</code>`,
    String(spec.status),
    `<code>${toHtml(spec.type)}</code>`,
    spec.shouldRetry === true ? 'after a while' : '',
  ])
  const statuses = Object.entries(document.components.responses).map(([name, reply]) => [
    `<span id="${anchor(name)}">${toHtml(name)}</span>`,
    inline(String(reply['description'] ?? '')),
    bodies(reply),
  ])
  return `<section><h2 id="errors">Errors</h2>
${table(['Reply', 'Meaning', 'Body'], statuses)}
<h3 id="error-codes">Error codes</h3>
<p>The value of <code>error.code</code>. A provider's own 4xx keeps its status, type and code.</p>
${table(['Code', 'Status', 'error.type', 'Worth repeating'], rows)}
</section>`
}

function curl(
  document: OpenApiDocument,
  path: string,
  method: string,
  operation: OpenApiOperation,
  example: unknown,
): string {
  const given = document.servers[0]?.url ?? '/'
  const base = given === '/' ? 'http://127.0.0.1:8080' : given
  const parameters = operation.parameters ?? []
  const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(parameters.find((one) => one.name === name)?.example ?? name),
  )
  const query = parameters
    .filter((one) => one.in === 'query' && one.example !== undefined)
    .map((one) => `${one.name}=${encodeURIComponent(one.example ?? '')}`)
    .join('&')
  const lines = [`curl '${base}${filled}${query === '' ? '' : `?${query}`}'`]
  if (method !== 'get') lines.unshift(`${lines.shift()} -X ${method.toUpperCase()}`)
  if (operation.security.length > 0) lines.push('-H "Authorization: Bearer $SLUICE_KEY"')
  if (example !== undefined) {
    lines.push(
      "-H 'Content-Type: application/json'",
      `-d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`,
    )
  }
  return lines.join(' \\\n  ')
}

/** Already HTML: names of components are links. */
function typeOf(schema: Node): string {
  const name = refName(schema)
  if (name !== undefined) return `<a href="#${anchor(name)}">${toHtml(name)}</a>`
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map(typeOf).join(' or ')
  if ('const' in schema) return `<code>${toHtml(JSON.stringify(schema['const']))}</code>`
  const kinds = [schema['type'] ?? 'any'].flat().map(String)
  const items = schema['items'] as Node | undefined
  const shown = kinds.map((kind) =>
    kind === 'array' && items !== undefined ? `array of ${typeOf(items)}` : toHtml(kind),
  )
  return shown.join(' or ') + range(schema)
}

function range(schema: Node): string {
  const { minimum, maximum } = schema as { readonly minimum?: number; readonly maximum?: number }
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`
  return minimum === undefined ? '' : `, at least ${minimum}`
}

function refName(node: Node): string | undefined {
  return typeof node['$ref'] === 'string' ? node['$ref'].split('/').at(-1) : undefined
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]) => row.map((cell) => `<td>${cell}</td>`).join('')
  return `<table><thead><tr>${head.map((cell) => `<th>${toHtml(cell)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')}
</tbody></table>`
}

/** The little Markdown that our descriptions use: paragraphs, lists, `code` and **strong**. */
function prose(text: string): string {
  return text
    .split(/\n{2,}/)
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const lines = block.split('\n')
      return lines.every((line) => line.startsWith('- '))
        ? `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join('')}</ul>`
        : `<p>${inline(block)}</p>`
    })
    .join('\n')
}

function inline(text: string): string {
  return toHtml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
}

function anchor(name: string): string {
  return toHtml(name.toLowerCase().replace(/[^a-z0-9]+/g, '-'))
}

function toHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
