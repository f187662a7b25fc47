import { isObject, type JsonObject } from '../json.ts'

/** The block that says "remember everything up to here", where `cache_control` stood beside something. */
export function cachePoint(extra: JsonObject): readonly JsonObject[] {
  const mark = extra['cache_control']
  if (!isObject(mark)) return []
  const ttl = typeof mark['ttl'] === 'string' ? { ttl: mark['ttl'] } : {}
  return [{ cachePoint: { type: 'default', ...ttl } }]
}
