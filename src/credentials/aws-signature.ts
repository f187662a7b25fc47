import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { SignatureV4 as Signer } from '@smithy/signature-v4'
import type { Clock } from '../core/runtime.ts'
import type { Credential, RequestToLetIn } from './credential.ts'
import type { Renewing } from './renewing.ts'

export interface AwsIdentity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

export interface AwsSignatureOptions {
  readonly region: string
  readonly identity: AwsIdentity | Renewing<AwsIdentity>
  readonly clock: Clock
}

const isRenewing = (identity: AwsSignatureOptions['identity']): identity is Renewing<AwsIdentity> =>
  'get' in identity

/** Signs each request by AWS's Signature Version 4. */
export function signAwsRequests({ region, identity, clock }: AwsSignatureOptions): Credential {
  // Some 30 ms to load, which a gateway without such a key need not spend.
  const loading = import('@smithy/signature-v4')
  loading.catch(() => {
    // Thrown to whoever awaits it.
  })
  const whoSigns = (signal: AbortSignal): AwsIdentity | Promise<AwsIdentity> =>
    isRenewing(identity) ? identity.get(signal) : identity
  const known = (): readonly AwsIdentity[] => (isRenewing(identity) ? identity.known : [identity])
  return {
    async headersFor(request, signal) {
      const credentials = await whoSigns(signal)
      const { SignatureV4 } = await loading
      const signer = new SignatureV4({ credentials, region, service: 'bedrock', sha256: Sha256 })
      return await signed(signer, request, new Date(clock.now()))
    },
    refused: () => isRenewing(identity) && identity.refused(),
    secrets: () =>
      known().flatMap(({ accessKeyId, secretAccessKey, sessionToken }) => [
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? [] : [sessionToken]),
      ]),
  }
}

async function signed(
  signer: Signer,
  { origin, path: target, headers: given, body }: RequestToLetIn,
  signingDate: Date,
): Promise<readonly string[]> {
  const url = new URL(origin)
  const [path = '/', search = ''] = target.split('?', 2)
  // Only what must be: whatever stands in between may change the rest.
  const headers: Record<string, string> = { host: url.host }
  for (let i = 0; i + 1 < given.length; i += 2) {
    const name = given[i] as string
    if (name === 'content-type' || name.startsWith('x-amz-')) headers[name] = given[i + 1] as string
  }
  const { headers: all } = await signer.sign(
    {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path,
      query: Object.fromEntries(new URLSearchParams(search)),
      headers,
      body,
    },
    { signingDate },
  )
  return Object.entries(all)
    .filter(([name]) => !Object.hasOwn(headers, name))
    .flat()
}

/** Node's hashes, in the form that the signer wants them. */
class Sha256 {
  readonly #key: string | Uint8Array | undefined
  #hash: Hash | Hmac

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key === undefined || typeof key === 'string' ? key : bytesOf(key)
    this.#hash = this.#begin()
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    this.#hash = this.#begin()
  }

  #begin(): Hash | Hmac {
    return this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key)
  }
}

const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
