/** A secret for people: its last four characters where enough stays hidden, else nothing of it. */
export function maskSecret(value: string): string {
  return value.length >= 12 ? `...${value.slice(-4)}` : '***'
}

/** A URL without its password, user name and query. */
export function maskUrl(text: string): string {
  const url = URL.parse(text)
  if (!url) return '***'
  const login = url.username || url.password ? '***@' : ''
  return url.host === '' ? text : `${url.protocol}//${login}${url.host}${url.pathname}`
}
