import { fitsPattern } from '../core/pattern.ts'
import type { Principal } from '../core/principal.ts'
import type { Names } from '../routing/resolve.ts'

interface ModelEntry {
  readonly id: string
  readonly object: 'model'
  /** Epoch seconds. */
  readonly created: number
  readonly owned_by: string
}

/** What a caller may use, as OpenAI lists it: public names, then every provider's known models. From memory. */
export function listModels(
  names: Names,
  principal: Principal,
  created: number,
): readonly ModelEntry[] {
  const entry = (id: string, owner: string): ModelEntry => ({
    id,
    object: 'model',
    created,
    owned_by: owner,
  })
  const all = [
    ...[...names.publicNames.keys()].map((name) => entry(name, 'sluice')),
    ...[...names.providers.values()].flatMap(({ name, listed }) =>
      listed
        .filter((model) => !model.includes('*'))
        .map((model) => entry(`${name}/${model}`, name)),
    ),
  ]
  const { models } = principal
  return models === null
    ? all
    : all.filter(({ id }) => models.some((pattern) => fitsPattern(pattern, id)))
}
