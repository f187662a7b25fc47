/** Where the format differs between the provider itself and clouds that serve its models. */
export interface AnthropicVariant {
  /** As people call it, for messages. */
  readonly provider: string
  /** Stands in the body, where the address names the model; null: a header says it, and the body names the model. */
  readonly version: string | null
  /** Whether the body says that a stream is wanted; else the address does. */
  readonly saysStream: boolean
  /** Whether images and documents may be links. */
  readonly takesLinks: boolean
  /** Whether schemas are enforced for everybody who asks for it. */
  readonly enforcesSchemas: boolean
}

export const ownVariant: AnthropicVariant = {
  provider: 'Anthropic',
  version: null,
  saysStream: true,
  takesLinks: true,
  enforcesSchemas: true,
}

export const vertexVariant: AnthropicVariant = {
  provider: 'Anthropic on Vertex AI',
  version: 'vertex-2023-10-16',
  saysStream: true,
  takesLinks: false,
  // The policy of an organization refuses it unless it was changed.
  enforcesSchemas: false,
}

export const bedrockVariant: AnthropicVariant = {
  provider: 'Anthropic on Bedrock',
  version: 'bedrock-2023-05-31',
  saysStream: false,
  takesLinks: false,
  enforcesSchemas: true,
}
