import { matchChat } from './chat-routes.ts'

/** Where the models are listed; the last is where Azure's clients look with the endpoint `http://host/openai`. */
export const modelBases: readonly string[] = [
  '/openai/v1/models',
  '/openai/models',
  '/v1/models',
  '/models',
  '/openai/openai/models',
]
/** Where jobs are submitted and, below it, asked for by their id. */
export const jobsPath = '/v1/async/chat/completions'
/** Where the caller's jobs are listed. */
export const jobListPath = '/v1/async/jobs'

const read = new Set([
  '/',
  '/livez',
  '/readyz',
  '/health',
  '/metrics',
  '/openapi.json',
  '/docs',
  jobListPath,
])

/** The methods a path takes: what `Allow` and a preflight say. Empty for an unknown path. */
export function methodsFor(path: string): readonly string[] {
  if (matchChat(path) || path === jobsPath) return ['POST']
  if (path.startsWith(`${jobsPath}/`) && path.length > jobsPath.length + 1)
    return ['GET', 'HEAD', 'DELETE']
  return isModelPath(path) || read.has(path) || /^\/assets\/[^/]/.test(path) ? ['GET', 'HEAD'] : []
}

const isModelPath = (path: string): boolean =>
  modelBases.some(
    (base) => path === base || (path.startsWith(`${base}/`) && path.length > base.length + 1),
  )
