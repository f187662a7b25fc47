import { type LoadOptions, loadConfig } from '../config/load.ts'
import type { Fields } from './ask-gateway.ts'
import { type KeyDesk, openKeyDesk } from './key-desk.ts'
import type { KeysAsk } from './keys-ask.ts'
import { renderKeyList } from './keys-text.ts'
import { UsageError } from './usage-error.ts'

export interface KeysOptions extends LoadOptions {
  readonly ask: KeysAsk
  /** As it was answered, one JSON object per line. */
  readonly json: boolean
  readonly stdout: { write(text: string): unknown }
}

/** Makes, lists and revokes virtual keys and prints what came of it. Throws a UsageError with one paragraph. */
export async function runKeys(options: KeysOptions): Promise<void> {
  const { ask, json, stdout } = options
  const desk = await openKeyDesk(loadConfig(options), options, ask.url)
  try {
    if (ask.action === 'list') {
      const keys = await desk.list(null)
      if (json) for (const key of keys) stdout.write(`${JSON.stringify(key)}\n`)
      else stdout.write(renderKeyList(keys))
    } else if (ask.action === 'create') {
      const key = await desk.create({ name: ask.name, ...ask.fields })
      // Alone on its line, so that a script takes it as it is; what people are told goes elsewhere.
      stdout.write(json ? `${JSON.stringify(key)}\n` : `${key['value']}\n`)
    } else {
      const key = await desk.revoke(await idOf(ask.name ?? '', desk))
      stdout.write(
        json
          ? `${JSON.stringify(key)}\n`
          : `The key ${JSON.stringify(key['name'])} opens nothing any more.\n`,
      )
    }
  } finally {
    await desk.close()
  }
}

/** A key is named by its name or its id; names of keys that can be revoked are unique. */
async function idOf(name: string, desk: KeyDesk): Promise<string> {
  const keys: readonly Fields[] = await desk.list(null)
  const found =
    keys.find((key) => key['id'] === name) ??
    keys.find((key) => key['name'] === name && key['managed_by'] === 'api') ??
    keys.find((key) => key['name'] === name)
  if (found) return String(found['id'])
  throw new UsageError(
    `There is no key ${JSON.stringify(name)} at ${desk.place}. sluice keys list shows those there are.`,
    1,
  )
}
