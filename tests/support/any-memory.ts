import type { Memory } from '../../src/gateway/call-images.ts'

/** Memory without a bound. */
export const anyMemory: Memory = { take() {}, give() {} }
