import { matchChat } from './chat-routes.ts'

const modelLists = /^(?:\/openai)?(?:\/v1)?\/models(?:\/.+)?$/
const operations = new Set(['/livez', '/readyz', '/health', '/metrics', '/openapi.json', '/docs'])

/** The methods a path takes: what `Allow` and a preflight say. Empty for an unknown path. */
export function methodsFor(path: string): readonly string[] {
  if (matchChat(path)) return ['POST']
  return modelLists.test(path) || operations.has(path) ? ['GET', 'HEAD'] : []
}
