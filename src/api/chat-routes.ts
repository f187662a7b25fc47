/** How a chat call came in: which form of address, and the deployment where that names one. */
export interface ChatMatch {
  readonly surface: 'openai' | 'azure'
  /** The route's template: bounded, for logs and metrics. */
  readonly route: string
  readonly deployment: string | null
  readonly query: string
}

const plain = new Map<string, ChatMatch>(
  [
    '/openai/v1/chat/completions',
    '/openai/chat/completions',
    '/v1/chat/completions',
    '/chat/completions',
  ].map((route) => [route, { surface: 'openai', route, deployment: null, query: '' }]),
)
const azurePrefixes = ['/openai/openai/deployments/', '/openai/deployments/'] as const
const suffix = '/chat/completions'

/** Null for every address that is no chat route. The deployment is still encoded, and may hold slashes. */
export function matchChat(url: string): ChatMatch | null {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const found = plain.get(path)
  if (found) return found
  // From the end, so that a deployment may itself be called "chat".
  if (!path.endsWith(suffix)) return null
  for (const prefix of azurePrefixes)
    if (path.startsWith(prefix) && path.length > prefix.length + suffix.length)
      return {
        surface: 'azure',
        route: `${prefix}{deployment-id}${suffix}`,
        deployment: path.slice(prefix.length, -suffix.length),
        query: mark < 0 ? '' : url.slice(mark + 1),
      }
  return null
}
