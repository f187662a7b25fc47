import type { ChatRequest } from '../../core/chat.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { Omissions } from './omissions.ts'

export interface FunctionTool {
  /** Where the caller wrote it, `tools[3]`; empty for one that the gateway adds. */
  readonly at: string
  readonly name: string
  readonly description?: string
  /** A JSON Schema, as the caller wrote it; null where the function takes nothing. */
  readonly parameters: JsonObject | null
  readonly strict: boolean
  /** Members beside `type` and `function`, such as `cache_control`. */
  readonly extra: JsonObject
}

/** The tools that are functions; others are refused one by one, but for those the provider knows as its `own`. */
export function readTools(
  request: ChatRequest,
  omissions: Omissions,
  isOwn: (definition: JsonObject) => boolean = () => false,
): readonly FunctionTool[] {
  return (request.tools ?? []).flatMap(({ kind, definition }, at) => {
    if (isOwn(definition)) return []
    const { type: _type, function: wire, ...extra } = definition
    if (kind !== 'function' || !isObject(wire) || typeof wire['name'] !== 'string') {
      omissions.refuse(`tools[${at}]`, 'Describe it as a tool of type "function".')
      return []
    }
    return [
      {
        at: `tools[${at}]`,
        name: wire['name'],
        ...(typeof wire['description'] === 'string' && { description: wire['description'] }),
        parameters: schemaOf(wire['parameters']),
        strict: wire['strict'] === true,
        extra,
      },
    ]
  })
}

function schemaOf(wire: unknown): JsonObject | null {
  if (isObject(wire)) return wire
  if (typeof wire !== 'string') return null
  try {
    const parsed: unknown = JSON.parse(wire)
    return isObject(parsed) ? parsed : null
  } catch {
    return null
  }
}

/** `allowed`: only these tools may be called; null: any. */
export interface ReadChoice {
  readonly mode: 'auto' | 'none' | 'required' | 'named'
  readonly name: string | null
  readonly allowed: readonly string[] | null
}

export function readToolChoice(request: ChatRequest, omissions: Omissions): ReadChoice | null {
  const choice = request.toolChoice
  if (!choice) return null
  const isForced = choice.mode === 'required' || choice.mode === 'named'
  if (isForced && !request.tools?.length) {
    omissions.refuse('tool_choice', 'Offer the tools that are to be called in "tools".')
    return null
  }
  if (choice.mode === 'named') return { mode: 'named', name: choice.name, allowed: null }
  if (choice.mode !== 'other') return { mode: choice.mode, name: null, allowed: null }
  const allowed = isObject(choice.choice) ? choice.choice['allowed_tools'] : undefined
  if (isObject(allowed) && Array.isArray(allowed['tools'])) {
    const names = allowed['tools'].filter(isObject).flatMap((tool) => {
      const named = tool['function'] ?? tool
      return isObject(named) && typeof named['name'] === 'string' ? [named['name']] : []
    })
    return {
      mode: allowed['mode'] === 'required' ? 'required' : 'auto',
      name: null,
      allowed: names,
    }
  }
  omissions.refuse('tool_choice', 'Use "auto", "none", "required" or the name of one function.')
  return null
}

/** The form of the answer: free, any JSON object, or one of a schema. */
export type ReadFormat =
  | { readonly kind: 'text' | 'json' }
  | {
      readonly kind: 'schema'
      readonly name: string
      readonly description?: string
      readonly schema: JsonObject
      readonly strict: boolean
    }

// No schema means "any object", and a tool that takes any object tends to be called with an empty one.
/** How `json_object` is asked for where nothing enforces it: at the end of the instructions. */
export const jsonInstruction =
  'Answer with exactly one JSON object and nothing else: no words around it, no Markdown.'

export function readResponseFormat(request: ChatRequest, omissions: Omissions): ReadFormat {
  const wire = request.responseFormat
  if (!isObject(wire) || wire['type'] === 'text') return { kind: 'text' }
  if (wire['type'] === 'json_object') return { kind: 'json' }
  const inner = wire['json_schema']
  if (wire['type'] === 'json_schema' && isObject(inner)) {
    const { name, description, schema, strict } = inner
    if (!isObject(schema)) return { kind: 'json' }
    return {
      kind: 'schema',
      name: typeof name === 'string' && name ? name : 'answer',
      ...(typeof description === 'string' && { description }),
      schema,
      strict: strict === true,
    }
  }
  omissions.refuse('response_format', 'Its type is "text", "json_object" or "json_schema".')
  return { kind: 'text' }
}

/** The object that arguments in JSON are; null for what is none, though a model may have written it. */
export function argumentsObject(text: string): JsonObject | null {
  if (text.trim() === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed : null
  } catch {
    return null
  }
}
