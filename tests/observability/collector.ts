import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type AnyValue = Readonly<Record<string, unknown>>
interface OtlpPair {
  readonly key: string
  readonly value: AnyValue
}
interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly OtlpPair[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: { readonly code: number; readonly message?: string }
  readonly flags: number
}
interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpPair[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** A span as the collector got it, its attributes as plain values. */
export interface SeenSpan extends Omit<OtlpSpan, 'attributes'> {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
}

export type Manner = 'good' | 'silent' | number

/** A collector of traces that takes OTLP over HTTP as JSON, on a free loopback port. */
export async function startCollector(): Promise<Collector> {
  const collector = new Collector()
  await collector.listen()
  return collector
}

class Collector implements AsyncDisposable {
  /** `silent`: it takes what comes and never answers; a number: the status it refuses with. */
  manner: Manner = 'good'
  /** Requests, with what they came with. */
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = []
  readonly spans: SeenSpan[] = []
  /** Everything that came, as text. */
  text = ''
  readonly #waiters = new Set<() => void>()
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => this.#take(req.url ?? '', req.headers, Buffer.concat(chunks), res))
  })

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  /** Resolves once what has come fits; rejects after ten seconds. */
  when(fits: (collector: Collector) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!fits(this)) return
        clearTimeout(timer)
        this.#waiters.delete(look)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(look)
        const names = this.spans.map(({ name }) => name).join(', ')
        reject(new Error(`not within 10 s; spans so far: ${names || 'none'}`))
      }, 10_000)
      this.#waiters.add(look)
      look()
    })
  }

  /** The spans of one call: its own first, then its attempts in their order. */
  async spansOf(callId: string): Promise<readonly SeenSpan[]> {
    const isOwn = (span: SeenSpan): boolean => span.attributes['sluice.call.id'] === callId
    await this.when(({ spans }) => spans.some(isOwn))
    const own = this.spans.find(isOwn)
    const below = this.spans.filter(({ parentSpanId }) => parentSpanId === own?.spanId)
    const number = (span: SeenSpan): number => Number(span.attributes['sluice.attempt'])
    return own ? [own, ...below.toSorted((a, b) => number(a) - number(b))] : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(path: string, headers: IncomingHttpHeaders, body: Buffer, res: ServerResponse): void {
    this.requests.push({ path, headers })
    if (this.manner === 'good') {
      this.text += body.toString('utf8')
      this.spans.push(...readSpans(JSON.parse(body.toString('utf8')) as OtlpRequest))
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    } else if (this.manner !== 'silent') res.writeHead(this.manner).end('collector-says-no')
    for (const look of [...this.#waiters]) look()
  }
}

export type { Collector }

function readSpans({ resourceSpans }: OtlpRequest): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  )
}

const plain = (pairs: readonly OtlpPair[]): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value)]))

function plainValue(value: AnyValue): unknown {
  if ('arrayValue' in value) {
    const { values } = value['arrayValue'] as { readonly values: readonly AnyValue[] }
    return values.map(plainValue)
  }
  const [held] = Object.values(value)
  return 'intValue' in value ? Number(held) : held
}
