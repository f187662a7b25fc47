import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchFiles } from './watch.ts'

/** A folder and a watch over paths in it; `changed()` waits for the next report. */
function watching(t: { after(end: () => void): void }, prepare: (folder: string) => string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  let count = 0
  let waiting: (() => void) | null = null
  const onChange = (): void => {
    count++
    waiting?.()
  }
  const stop = watchFiles(prepare(folder), onChange, { intervalMs: 5 })
  // The watch does not keep the process alive; the test must, until it is told.
  const alive = setInterval(() => {}, 1_000)
  t.after(() => {
    stop()
    clearInterval(alive)
    rmSync(folder, { recursive: true })
  })
  return {
    folder,
    stop,
    count: () => count,
    changed: (): Promise<void> =>
      new Promise((resolve) => {
        waiting = resolve
      }),
  }
}

const oneFile = (folder: string): string[] => {
  writeFileSync(join(folder, 'a'), 'one')
  return [join(folder, 'a')]
}

test('a written and a renamed-over file are both noticed', { timeout: 20_000 }, async (t) => {
  const watch = watching(t, oneFile)
  let change = watch.changed()
  writeFileSync(join(watch.folder, 'a'), 'two')
  await change
  change = watch.changed()
  writeFileSync(join(watch.folder, 'b'), 'three')
  renameSync(join(watch.folder, 'b'), join(watch.folder, 'a'))
  await change
  assert.equal(watch.count(), 2)
})

test('a symlink that is swapped for another is noticed', { timeout: 20_000 }, async (t) => {
  const watch = watching(t, (folder) => {
    for (const name of ['v1', 'v2']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'a'), name)
    }
    symlinkSync('v1', join(folder, '..data'))
    symlinkSync('..data/a', join(folder, 'a'))
    return [join(folder, 'a')]
  })
  const change = watch.changed()
  symlinkSync('v2', join(watch.folder, '..next'))
  renameSync(join(watch.folder, '..next'), join(watch.folder, '..data'))
  await change
  assert.equal(watch.count(), 1)
})

test('the same content written again is no change', { timeout: 20_000 }, async (t) => {
  const watch = watching(t, (folder) => {
    writeFileSync(join(folder, 'z'), 'one')
    return [...oneFile(folder), join(folder, 'z')]
  })
  const change = watch.changed()
  writeFileSync(join(watch.folder, 'a'), 'one')
  writeFileSync(join(watch.folder, 'z'), 'two')
  await change
  assert.equal(watch.count(), 1)
})

test('a file that goes away and one that comes are changes', { timeout: 20_000 }, async (t) => {
  const watch = watching(t, oneFile)
  let change = watch.changed()
  rmSync(join(watch.folder, 'a'))
  await change
  change = watch.changed()
  writeFileSync(join(watch.folder, 'a'), 'one')
  await change
  assert.equal(watch.count(), 2)
})
