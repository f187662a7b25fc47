const printable = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/

/** The caller's own label where it is 1 to 128 printable characters, else ours. */
export function pickRequestId(sent: string | string[] | undefined, ours: string): string {
  return typeof sent === 'string' && printable.test(sent) ? sent : ours
}
