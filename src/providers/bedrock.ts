import { bedrockConverse } from '../wire/bedrock-converse/dialect.ts'
import type { ProviderAdapter } from './adapter.ts'

/**
 * Amazon Bedrock. An API key goes as a bearer token; other credentials of AWS sign each request and are no concern of
 * this adapter. The host depends on the region: the configuration makes
 * it of the keys.
 */
export const bedrock: ProviderAdapter = {
  type: 'bedrock',
  defaultBaseUrl: null,
  envKeys: ['AWS_BEARER_TOKEN_BEDROCK'],
  needsKey: true,
  authorize: (credential) => ({ authorization: `Bearer ${credential}` }),
  chat: {
    // An id may be an ARN, whose colons and slashes are part of one segment of the path.
    path: (model, { stream }) =>
      `/model/${encodeURIComponent(model)}/converse${stream ? '-stream' : ''}`,
    dialect: () => bedrockConverse,
    imagesAsBytes: () => true,
    streamUsage: 'always',
  },
}
