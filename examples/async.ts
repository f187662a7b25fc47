// Makes a call that outlives its connection: submits it, then asks until the answer is there.
// Prints: pending …Hello from Sluice's offline demo model.…
import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: `${process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8080'}/openai/v1`,
  apiKey: process.env['SLUICE_KEY'],
})
const body = {
  model: process.env['MODEL'] ?? 'demo/hello',
  messages: [{ role: 'user' as const, content: 'Introduce yourself.' }],
}
// The same key for every try: a submit whose answer is lost is sent again, and is still one job.
const submit = { 'x-bf-async': 'true', 'idempotency-key': crypto.randomUUID() }
let reply = await client.chat.completions.create(body, { headers: submit })
console.log(`pending ${reply.id}`)
// Each answer is held back for up to 30 seconds, so that there is no need to sleep in between.
const poll = { 'x-bf-async-id': reply.id, 'x-bf-async-wait': '30' }
while (reply.choices.length === 0)
  reply = await client.chat.completions.create(body, { headers: poll })
console.log(reply.choices[0]?.message.content)
