import type { ToolCall } from '../../core/chat.ts'
import { isObject, type JsonObject, without } from './json.ts'

export function decodeToolCall(wire: JsonObject): ToolCall {
  const custom = wire['type'] === 'custom'
  const body = wire[custom ? 'custom' : 'function']
  const call = isObject(body) ? body : {}
  const extra = without(wire, known)
  return {
    id: typeof wire['id'] === 'string' ? wire['id'] : '',
    name: typeof call['name'] === 'string' ? call['name'] : '',
    arguments: argumentsText(call[custom ? 'input' : 'arguments']),
    kind: custom ? 'custom' : 'function',
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}

const known = new Set(['id', 'type', 'index', 'function', 'custom'])

/** Arguments are JSON text; some servers send the object itself. */
export function argumentsText(value: unknown): string {
  return typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value)
}

export function encodeToolCall({ id, kind, name, arguments: text, extra }: ToolCall): JsonObject {
  return kind === 'custom'
    ? { id, type: 'custom', custom: { name, input: text }, ...extra }
    : { id, type: 'function', function: { name, arguments: text }, ...extra }
}
