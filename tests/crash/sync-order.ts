/** One system call of a trace, with the numbers of the lines on which it began and ended. */
interface TracedCall {
  readonly name: string
  /** What the descriptor points at. */
  readonly file: string
  readonly text: string
  readonly beganAt: number
  readonly endedAt: number
  readonly result: number
}

const begun = /^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$/
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/
const unfinished = ' <unfinished ...>'

/** Reads what `strace -f -y` wrote; calls that never ended and lines of another form are left out. */
export function readTrace(trace: string): readonly TracedCall[] {
  const calls: TracedCall[] = []
  const open = new Map<string, Omit<TracedCall, 'endedAt' | 'result'>>()
  for (const [line, text] of trace.split('\n').entries()) {
    const start = begun.exec(text)
    const end = resumed.exec(text)
    if (start) {
      const [, thread = '', name = '', file = '', rest = ''] = start
      const call = { name, file, text: rest, beganAt: line }
      if (rest.endsWith(unfinished)) open.set(thread, call)
      else calls.push({ ...call, endedAt: line, result: resultOf(rest) })
    } else if (end) {
      const [, thread = '', name = '', rest = ''] = end
      const call = open.get(thread)
      open.delete(thread)
      if (call?.name === name) calls.push({ ...call, endedAt: line, result: resultOf(rest) })
    }
  }
  return calls
}

const resultOf = (rest: string): number => Number(/= (-?\d+)[^=]*$/.exec(rest)?.[1] ?? Number.NaN)

const isSync = ({ name, result }: TracedCall): boolean =>
  /^f(data)?sync$/.test(name) && result === 0

/**
 * What is wrong with the order in which things were made durable and told, a sentence each. An answer that holds a mark,
 * such as a job's id, may begin only after a sync of the log that began after the mark was written there.
 */
export function brokenOrders(calls: readonly TracedCall[], marks: readonly string[]): string[] {
  const onLog = calls.filter(({ file }) => file.endsWith('-wal'))
  return marks.flatMap((mark) => {
    const answer = calls.find(({ file, text }) => isSocket(file) && text.includes(mark))
    if (!answer) return [`no answer with ${mark} is in the trace`]
    const written = onLog.find(({ name, text }) => name === 'pwrite64' && text.includes(mark))
    if (!written) return [`${mark} was told and never written to the log`]
    const isBetween = (sync: TracedCall): boolean =>
      sync.beganAt > written.endedAt && sync.endedAt < answer.beganAt
    if (onLog.some((call) => isSync(call) && isBetween(call))) return []
    return [`${mark} was told before the log was synced`]
  })
}

const isSocket = (file: string): boolean => /^(socket|TCP)/.test(file)
