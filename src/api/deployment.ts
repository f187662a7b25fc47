import { GatewayError } from '../core/errors.ts'

const longest = 512

/** The deployment of an Azure address, decoded once. Throws `invalid_request` for what could be more than a name. */
export function decodeDeployment(encoded: string | null): string | null {
  if (encoded === null) return null
  let name: string
  try {
    name = decodeURIComponent(encoded)
  } catch {
    throw invalid('is not validly percent-encoded')
  }
  if (Buffer.byteLength(name) > longest) throw invalid(`is over ${longest} bytes long`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(name)) throw invalid('holds control characters')
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw invalid('holds empty or dot segments')
  return name
}

const invalid = (what: string): GatewayError =>
  new GatewayError('invalid_request', `The deployment in the address ${what}`, {
    param: 'deployment-id',
  })

/** The caller's `api-version`, for Azure upstreams; null where none is given. */
export function readApiVersion(query: string): string | null {
  if (query === '') return null
  const version = new URLSearchParams(query).get('api-version')
  if (version === null || version === '') return null
  if (!/^[\w.-]{1,64}$/.test(version))
    throw new GatewayError('invalid_request', 'The api-version in the address is not one', {
      param: 'api-version',
    })
  return version
}
