// Tells what can be mended from what only waiting helps.
// Prints: 404 model_not_found: …429 upstream_rate_limited, try again in …
import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: `${process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8080'}/openai/v1`,
  apiKey: process.env['SLUICE_KEY'],
  maxRetries: 0,
})
for (const model of ['dmeo/hello', 'demo/error-429'])
  try {
    await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })
  } catch (thrown) {
    if (!(thrown instanceof OpenAI.APIError)) throw thrown
    const again = thrown.headers?.get('x-should-retry') === 'true'
    const hint = again
      ? `, try again in ${thrown.headers?.get('retry-after')} s`
      : `: ${thrown.message}`
    console.log(`${thrown.status} ${thrown.code}${hint}`)
  }
