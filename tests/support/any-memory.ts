import type { Memory } from '../../src/gateway/call-images.ts'
import type { Translator } from '../../src/gateway/translator.ts'

/** Memory without a bound. */
export const anyMemory: Memory = { take() {}, give() {} }

/** For calls that are passed on as they are. */
export const noTranslator: Translator = {
  encode: () => Promise.reject(new Error('nothing is translated in this test')),
}
