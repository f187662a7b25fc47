// Streams an answer through the gateway with OpenAI's own client.
// Prints: Hello from Sluice's offline demo model.… tokens
import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: `${process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8080'}/openai/v1`,
  apiKey: process.env['SLUICE_KEY'],
})
const stream = await client.chat.completions.create({
  model: process.env['MODEL'] ?? 'demo/hello',
  messages: [{ role: 'user', content: 'Introduce yourself.' }],
  stream: true,
  stream_options: { include_usage: true },
})
for await (const { choices, usage } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '')
  if (usage) console.log(`\n${usage.total_tokens} tokens`)
}
