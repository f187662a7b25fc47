import { matchChat } from './chat-routes.ts'

/** Where the models are listed; the last is where Azure's clients look with the endpoint `http://host/openai`. */
export const modelBases: readonly string[] = [
  '/openai/v1/models',
  '/openai/models',
  '/v1/models',
  '/models',
  '/openai/openai/models',
]
const operations = new Set(['/livez', '/readyz', '/health', '/metrics', '/openapi.json', '/docs'])

/** The methods a path takes: what `Allow` and a preflight say. Empty for an unknown path. */
export function methodsFor(path: string): readonly string[] {
  if (matchChat(path)) return ['POST']
  return isModelPath(path) || operations.has(path) ? ['GET', 'HEAD'] : []
}

const isModelPath = (path: string): boolean =>
  modelBases.some(
    (base) => path === base || (path.startsWith(`${base}/`) && path.length > base.length + 1),
  )
