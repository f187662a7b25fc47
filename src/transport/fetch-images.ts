import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher, request } from 'undici'
import type { FetchedImages } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { createGuardedConnector } from './egress-guard.ts'
import { mediaTypeOf } from './fetch-images-type.ts'

export interface ImageLink {
  readonly url: string
  /** Where it stands in the request: `messages[0].content[1].image_url.url`. */
  readonly param: string
}

export interface FetchImagesOptions {
  /** Of each. */
  readonly maxBytes: number
  readonly maxCount: number
  /** For all of a call together. */
  readonly timeoutMs: number
  readonly allowPrivateNetwork: boolean
}

export interface FetchImagesParts {
  readonly clock: Clock
  /**
   * Told of the bytes before they are kept, as they will be held. Throws `overloaded` where they do not fit any more;
   * whoever gave it gives back what it counted, also after a failure.
   */
  take(bytes: number): void
  /** Who turns names into addresses; absent: the system. */
  readonly lookup?: LookupFunction
}

const atOnce = 4

/**
 * Fetches what links lead to, each once. Only from public addresses unless the private network is allowed too, over
 * https unless then; redirects are not followed and nothing of the caller is sent. Throws `invalid_request` with the
 * link's `param`, and the signal's reason when aborted.
 */
export async function fetchImages(
  links: readonly ImageLink[],
  options: FetchImagesOptions,
  parts: FetchImagesParts,
  signal: AbortSignal,
): Promise<FetchedImages> {
  const wanted = eachOnce(links, options.maxCount)
  for (const link of wanted) checkLink(link, options)
  if (wanted.length === 0) return new Map()
  return await new Fetching(options, parts, signal).run(wanted)
}

function eachOnce(links: readonly ImageLink[], maxCount: number): readonly ImageLink[] {
  const found = new Map<string, ImageLink>()
  for (const link of links) {
    if (found.has(link.url)) continue
    if (found.size === maxCount)
      throw refused(
        link,
        `There are more than ${maxCount} links to fetch. Send fewer, or send the bytes as data: URLs`,
      )
    found.set(link.url, link)
  }
  return [...found.values()]
}

function checkLink(link: ImageLink, { allowPrivateNetwork }: FetchImagesOptions): void {
  const url = URL.parse(link.url)
  const schemes = allowPrivateNetwork ? ['https:', 'http:'] : ['https:']
  if (!url || !schemes.includes(url.protocol))
    throw refused(
      link,
      `Only ${allowPrivateNetwork ? 'http and https' : 'https'} links are fetched. Send the bytes as a data: URL`,
    )
  if (url.username || url.password)
    throw refused(link, 'A link with a user name or a password is not fetched')
}

class Fetching {
  readonly #options: FetchImagesOptions
  readonly #parts: FetchImagesParts
  readonly #caller: AbortSignal
  readonly #stop = new AbortController()
  readonly #dispatcher: Dispatcher
  readonly #found = new Map<string, { mediaType: string; base64: string }>()

  constructor(options: FetchImagesOptions, parts: FetchImagesParts, caller: AbortSignal) {
    this.#options = options
    this.#parts = parts
    this.#caller = caller
    const { timeoutMs, allowPrivateNetwork } = options
    const rules = { allowPrivateNetwork, ...(parts.lookup && { lookup: parts.lookup }) }
    // Of this call alone: a kept connection would serve a later one without being looked at.
    this.#dispatcher = new Agent({
      connections: atOnce,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 16 * 1024,
      connect: createGuardedConnector(
        { timeout: timeoutMs, allowH2: false, autoSelectFamily: true },
        rules,
      ),
    })
  }

  async run(links: readonly ImageLink[]): Promise<FetchedImages> {
    const { clock } = this.#parts
    const late = clock.timer(this.#options.timeoutMs, () => this.#stop.abort())
    const leave = (): void => this.#stop.abort()
    this.#caller.addEventListener('abort', leave)
    const left = [...links]
    const lane = async (): Promise<void> => {
      for (let link = left.shift(); link; link = left.shift()) await this.#fetch(link)
    }
    try {
      if (this.#caller.aborted) throw this.#caller.reason
      await Promise.all(Array.from({ length: atOnce }, lane))
      return new Map(links.flatMap(({ url }) => this.#entry(url)))
    } finally {
      late.cancel()
      this.#caller.removeEventListener('abort', leave)
      // Where one failed the others are of no use any more.
      this.#stop.abort()
      await this.#dispatcher.destroy()
    }
  }

  #entry(url: string): [string, { mediaType: string; base64: string }][] {
    const found = this.#found.get(url)
    return found ? [[url, found]] : []
  }

  async #fetch(link: ImageLink): Promise<void> {
    try {
      const bytes = await this.#read(link)
      const mediaType = mediaTypeOf(bytes)
      if (mediaType === null)
        throw refused(link, 'What the link leads to is neither a picture of a known kind nor a PDF')
      this.#found.set(link.url, { mediaType, base64: bytes.toString('base64') })
    } catch (thrown) {
      throw this.#explain(thrown, link)
    }
  }

  async #read(link: ImageLink): Promise<Buffer> {
    const { maxBytes } = this.#options
    const { statusCode, headers, body } = await request(link.url, {
      dispatcher: this.#dispatcher,
      headers: {
        accept: 'image/*, application/pdf',
        'accept-encoding': 'identity',
        'user-agent': 'sluice',
      },
      signal: this.#stop.signal,
    })
    this.#checkHead(link, statusCode, headers)
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of body as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > maxBytes) throw tooLarge(link, maxBytes)
      // It is held as base64.
      this.#parts.take(Math.ceil((piece.length * 4) / 3))
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  #checkHead(
    link: ImageLink,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status >= 300 && status < 400)
      throw refused(link, 'The link leads on to another one. Give the last one')
    // Which status it was is kept back: what answers inside is nobody's business.
    if (status !== 200)
      throw refused(link, 'The link was not answered with what it should lead to (status 200)')
    const type = String(headers['content-type'] ?? 'application/octet-stream')
    if (!/^\s*(image\/|application\/pdf\b|(application|binary)\/octet-stream\b)/i.test(type))
      throw refused(link, 'What the link leads to says that it is neither a picture nor a PDF')
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw refused(link, 'What the link leads to is encoded, though it was asked for as it is')
    if (Number(headers['content-length']) > this.#options.maxBytes)
      throw tooLarge(link, this.#options.maxBytes)
  }

  /** A name that is unknown, a place that is closed and one that may not be reached look alike from outside. */
  #explain(thrown: unknown, link: ImageLink): GatewayError {
    if (this.#caller.aborted) return GatewayError.from(this.#caller.reason)
    if (thrown instanceof GatewayError) return thrown
    if (this.#stop.signal.aborted)
      return refused(
        link,
        `The links were not fetched within ${this.#options.timeoutMs} ms. Send the bytes as data: URLs`,
      )
    return refused(
      link,
      'The link could not be fetched from here. Give one that is public, or send the bytes as a data: URL',
      thrown,
    )
  }
}

const refused = ({ param }: ImageLink, message: string, cause?: unknown): GatewayError =>
  new GatewayError('invalid_request', message, { param, ...(cause !== undefined && { cause }) })

const tooLarge = (link: ImageLink, maxBytes: number): GatewayError =>
  refused(link, `What the link leads to is larger than ${maxBytes} bytes. Send a smaller one`)
