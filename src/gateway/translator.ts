import type { EncodedRequest, EncodeOptions } from '../core/dialect.ts'

/** A request in OpenAI's form, to be said in a provider's. */
export interface Translation {
  /** The type of the provider. */
  readonly type: string
  readonly body: Uint8Array
  readonly options: EncodeOptions
}

/** Says large requests in a provider's words somewhere else, so that the others are not held up meanwhile. */
export interface Translator {
  /** Rejects as `encodeRequest` throws, with `overloaded` where too many wait, and with the signal's reason. */
  encode(translation: Translation, signal?: AbortSignal): Promise<EncodedRequest>
}
