import { build } from './query-builder.ts'
import { change, readClock, rows, type Steps } from './steps.ts'

export function* readSettings(): Steps<ReadonlyMap<string, string>> {
  const found = yield* rows(build.selectFrom('settings').select(['name', 'value']))
  return new Map(found.map(({ name, value }) => [name, value]))
}

export function* initialiseSettings(
  entries: Readonly<Record<string, string>>,
): Steps<ReadonlyMap<string, string>> {
  // In one order: two first runs at the same time must not wait for each other's rows.
  for (const [name, value] of Object.entries(entries).toSorted())
    yield* change(
      build
        .insertInto('settings')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doNothing()),
    )
  return yield* readSettings()
}

export function* putSetting(name: string, value: string): Steps<void> {
  yield* change(
    build
      .insertInto('settings')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value })),
  )
}

export function* syncClock(now: number): Steps<number> {
  const time = yield* readClock(now)
  yield* change(build.updateTable('clock').set({ latest: time }).where('latest', '<', time))
  return (yield* rows(build.selectFrom('clock').select('latest')))[0]?.latest ?? time
}

export function* ping(): Steps<void> {
  yield* change(build.updateTable('write_probe').set((row) => ({ writes: row('writes', '+', 1) })))
}
