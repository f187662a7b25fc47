import { crc32 } from 'node:zlib'

/** A frame as a person writes it: an event or an exception with its payload, or a failure that is all headers. */
export type WrittenFrame =
  | { readonly event: string; readonly payload: unknown }
  | { readonly exception: string; readonly payload: unknown }
  | { readonly error: string; readonly message: string }

/** The bytes of AWS's event stream. Made here by hand, so that the reader is not tested by its own kind. */
export const encodeFrames = (frames: readonly WrittenFrame[]): Buffer =>
  Buffer.concat(frames.map(encodeFrame))

export function encodeFrame(frame: WrittenFrame): Buffer {
  if ('error' in frame)
    return bytesOf(
      { ':message-type': 'error', ':error-code': frame.error, ':error-message': frame.message },
      '',
    )
  const kind =
    'event' in frame
      ? { ':event-type': frame.event, ':message-type': 'event' }
      : { ':exception-type': frame.exception, ':message-type': 'exception' }
  const payload = typeof frame.payload === 'string' ? frame.payload : JSON.stringify(frame.payload)
  return bytesOf({ ...kind, ':content-type': 'application/json' }, payload)
}

function bytesOf(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const head = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const text = Buffer.from(value)
      // A byte of 7 stands for a text, whose length follows in two.
      const marks = Buffer.from([7, text.length >> 8, text.length & 255])
      return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), marks, text])
    }),
  )
  const body = Buffer.from(payload)
  const prelude = Buffer.alloc(8)
  prelude.writeUInt32BE(16 + head.length + body.length, 0)
  prelude.writeUInt32BE(head.length, 4)
  const most = Buffer.concat([prelude, checksum(prelude), head, body])
  return Buffer.concat([most, checksum(most)])
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum
}
