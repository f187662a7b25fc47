import { randomUUID } from 'node:crypto'
import type { Config, VirtualKeyConfig } from '../config/config.ts'
import type { VirtualKey } from '../core/principal.ts'
import { hashKey } from '../governance/key-table.ts'
import type { Store, StoredKey } from '../store/store.ts'
import { hintOf } from './first-run.ts'

/** The keys that open the gateway: the file's, then the store's that the file does not shadow by name. */
export async function loadKeysInForce(
  store: Store,
  config: Config,
  secret: Buffer,
  now: number,
): Promise<readonly VirtualKey[]> {
  const fromFile = config.virtualKeys.map((key) => ({ key, hash: hashKey(key.value, secret) }))
  await store.followFileKeys(
    fromFile.map(({ key, hash }) => ({
      id: randomUUID(),
      name: key.name,
      hash,
      hint: hintOf(key.value),
    })),
    now,
  )
  const named = new Set(config.virtualKeys.map(({ name }) => name))
  const stored = (await store.listKeys()).filter(
    ({ origin, name }) => origin !== 'file' && !named.has(name),
  )
  return [...fromFile.map(({ key, hash }) => ofFile(key, hash)), ...stored.map(ofStore)]
}

function ofFile(key: VirtualKeyConfig, hash: string): VirtualKey {
  return {
    name: key.name,
    hash,
    enabled: key.enabled,
    expiresAt: key.expiresAt,
    principal: {
      kind: 'virtual-key',
      name: key.name,
      models: key.models,
      forwardHeaders: key.forwardHeaders,
      mayPin: key.allowPinning,
    },
  }
}

function ofStore({ name, hash, enabled, expiresAt, models }: StoredKey): VirtualKey {
  return {
    name,
    hash,
    enabled,
    expiresAt,
    principal: { kind: 'virtual-key', name, models, forwardHeaders: [], mayPin: false },
  }
}
