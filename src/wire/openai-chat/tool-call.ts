import type { ToolCall } from '../../core/chat.ts'
import { argumentsText, isObject, type JsonObject, without } from '../json.ts'

export function decodeToolCall(wire: JsonObject): ToolCall {
  const custom = wire['type'] === 'custom'
  const body = wire[custom ? 'custom' : 'function']
  const call = isObject(body) ? body : {}
  return {
    id: typeof wire['id'] === 'string' ? wire['id'] : '',
    name: typeof call['name'] === 'string' ? call['name'] : '',
    arguments: argumentsText(call[custom ? 'input' : 'arguments']),
    kind: custom ? 'custom' : 'function',
    ...extraOf(wire),
  }
}

/** What stands beside a call's own fields. */
export function extraOf(wire: JsonObject): { readonly extra?: JsonObject } {
  const extra = without(wire, known)
  return Object.keys(extra).length > 0 ? { extra } : {}
}

const known = new Set(['id', 'type', 'index', 'function', 'custom'])

export function encodeToolCall({ id, kind, name, arguments: text, extra }: ToolCall): JsonObject {
  return kind === 'custom'
    ? { id, type: 'custom', custom: { name, input: text }, ...extra }
    : { id, type: 'function', function: { name, arguments: text }, ...extra }
}
