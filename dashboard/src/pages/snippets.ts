import type { Snippet } from '../parts/code.tsx'

const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The same call in the languages that people use; the key is only named, never shown. */
export function callSnippets(
  origin: string,
  model: string,
  key = '$SLUICE_KEY',
): readonly Snippet[] {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] })
  return [
    { name: 'curl', text: curlFor(origin, '/v1/chat/completions', body, key) },
    {
      name: 'Python',
      text: `import os
from openai import OpenAI

client = OpenAI(base_url="${origin}/openai/v1", api_key=os.environ["SLUICE_KEY"])
reply = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "hi"}]
)
print(reply.choices[0].message.content)`,
    },
    {
      name: 'TypeScript',
      text: `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: '${origin}/openai/v1', apiKey: process.env.SLUICE_KEY })
const reply = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'hi' }],
})
console.log(reply.choices[0]?.message.content)`,
    },
    {
      name: 'Environment',
      text: `export OPENAI_BASE_URL=${origin}/openai/v1
export OPENAI_API_KEY=${key}
# AzureOpenAI clients:
export AZURE_OPENAI_ENDPOINT=${origin}
export AZURE_OPENAI_API_KEY=${key}`,
    },
  ]
}

export const curlFor = (origin: string, path: string, body: string, key = '$SLUICE_KEY'): string =>
  [
    `curl ${origin}${path}`,
    `-H "Authorization: Bearer ${key}"`,
    "-H 'Content-Type: application/json'",
    `-d ${shellQuote(body)}`,
  ].join(' \\\n  ')
