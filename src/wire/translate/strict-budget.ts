import { isObject, type JsonObject, listOf } from '../json.ts'

/** What the schemas of one request may hold in all, where answers are held to them. */
const limits = { schemas: 20, optional: 24, unions: 16 }

/** Counts what is left of the limits of one request. A schema that no longer fits is not counted. */
export class StrictBudget {
  #schemas = limits.schemas
  #optional = limits.optional
  #unions = limits.unions

  take(schema: JsonObject): boolean {
    const { optional, unions } = countIn(schema)
    if (this.#schemas < 1 || optional > this.#optional || unions > this.#unions) return false
    this.#schemas -= 1
    this.#optional -= optional
    this.#unions -= unions
    return true
  }
}

/** Properties that may be left out, and places that may be of several kinds. */
function countIn(schema: unknown): { readonly optional: number; readonly unions: number } {
  let [optional, unions] = [0, 0]
  const visit = (value: unknown): void => {
    if (!isObject(value)) return
    const { properties, items, $defs: defs, definitions, anyOf, allOf, type } = value
    if (Array.isArray(anyOf) || (Array.isArray(type) && type.length > 1)) unions++
    if (isObject(properties)) {
      const required = listOf(value['required'])
      optional += Object.keys(properties).filter((name) => !required.includes(name)).length
    }
    for (const named of [properties, defs, definitions])
      if (isObject(named)) Object.values(named).forEach(visit)
    for (const each of [items, ...listOf(anyOf), ...listOf(allOf)]) visit(each)
  }
  visit(schema)
  return { optional, unions }
}
