/** What is wrong with a base URL, as the end of a sentence; null: nothing. It never repeats the URL. */
export function baseUrlProblem(text: string): string | null {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\/[^/]/i.test(text))
    return 'must be an http or https URL such as https://api.example.com/v1.'
  if (url.username || url.password) return 'must not hold credentials; they belong under keys.'
  if (url.search || url.hash) return 'must end with the path, without "?" or "#".'
  return /\s/.test(text) ? 'must not contain spaces.' : null
}
