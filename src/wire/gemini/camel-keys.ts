import { isObject, type JsonObject } from '../json.ts'

/** The API takes both spellings, but not one field in both. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The outermost names only: what is further in is the caller's. */
export function camelKeys(source: unknown): JsonObject {
  return isObject(source)
    ? Object.fromEntries(Object.entries(source).map(([name, value]) => [camelCase(name), value]))
    : {}
}
