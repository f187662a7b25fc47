/** Lets `most` of what it is given run at once; the rest waits for its turn, in the order it came. */
export function createLane(most: number): <Result>(run: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (run) => {
    if (running < most) running++
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      // Its place is handed on, so that nobody who comes just now takes it first.
      if (next) next()
      else running--
    }
  }
}
