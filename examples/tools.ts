// Lets the model call a function, and gives it the result.
// Prints: weather({"city":…})…
import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: `${process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8080'}/openai/v1`,
  apiKey: process.env['SLUICE_KEY'],
})
const model = process.env['MODEL'] ?? 'demo/tools'
const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'user', content: 'What is the weather in Paris?' },
]
const tools: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
]

const asked = await client.chat.completions.create({ model, messages, tools })
const message = asked.choices[0]?.message
if (!message?.tool_calls) throw new Error('the model called nothing')
messages.push(message)
for (const call of message.tool_calls) {
  if (call.type !== 'function') continue
  console.log(`${call.function.name}(${call.function.arguments})`)
  messages.push({ role: 'tool', tool_call_id: call.id, content: 'Sunny, 21 degrees' })
}
const answered = await client.chat.completions.create({ model, messages, tools })
console.log(answered.choices[0]?.message.content)
