type Environment = Readonly<Record<string, string | undefined>>

/** The environment's proxy for a URL and the name it came from; null: none. Loopback never goes through one. */
export function environmentProxy(
  url: string,
  env: Environment,
): { proxy: string; name: string } | null {
  const target = URL.parse(url)
  if (!target || isLoopback(target.hostname) || isExempt(target, env)) return null
  const wanted = target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  for (const name of [wanted, wanted.toLowerCase()]) {
    const value = env[name]?.trim()
    if (value) return { proxy: value.includes('://') ? value : `http://${value}`, name }
  }
  return null
}

/** Whether the pool can use it: an http or https URL. */
export function isProxyUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== ''
}

export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(host)
}

/** NO_PROXY: names, names with a leading dot or `*.`, each with an optional port, or `*`. */
function isExempt(target: URL, env: Environment): boolean {
  const list = env['NO_PROXY'] ?? env['no_proxy'] ?? ''
  const host = target.hostname.toLowerCase().replace(/^\[|\]$/g, '')
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true
    const [, name, onlyPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
    if (name === undefined || (onlyPort !== undefined && onlyPort !== port)) return false
    return host === name || host.endsWith(`.${name}`)
  })
}
