import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../core/errors.ts'

/**
 * A page of somewhere else may make a browser send what it knows of the admin. Browsers tell where a write comes from;
 * programs do not, and have nothing that is sent by itself. Throws `forbidden`.
 */
export function refuseForeignWrite({ method, headers }: IncomingMessage): void {
  if (method === 'GET' || method === 'HEAD') return
  const site = headers['sec-fetch-site']
  // It is the browser's own word, and true also behind a proxy that calls the gateway by another name.
  const isForeign =
    site === undefined
      ? headers.origin !== undefined && hostOf(headers.origin) !== headers.host?.toLowerCase()
      : site !== 'same-origin'
  if (isForeign) throw foreign()
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null
}

const foreign = (): GatewayError =>
  new GatewayError(
    'forbidden',
    'Writes to the API from a browser must come from a page of the gateway itself',
  )
