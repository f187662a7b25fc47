import { after, describe, test } from 'node:test'
import OpenAI from 'openai'
import { ways } from './dialects-client.ts'
import { converse } from './dialects-conversation.ts'
import { dialectErrorsSuite } from './dialects-errors-suite.ts'
import { dialectRoutesSuite } from './dialects-routes-suite.ts'
import { dialects, openDialectStage } from './dialects-stage.ts'
import { keys } from './stage.ts'

const stage = await openDialectStage()
after(() => stage.close())
const client = new OpenAI({
  apiKey: keys.open,
  baseURL: `${stage.gateway.url}/v1`,
  maxRetries: 0,
})

for (const dialect of dialects)
  describe(`${dialect.provider}, ${dialect.model}`, { concurrency: 4 }, () => {
    for (const way of ways)
      for (const effort of [null, 'low'] as const)
        test(`a conversation of five turns, ${way}, ${effort ?? 'no'} reasoning effort`, () =>
          converse(client, dialect, way, effort))
    dialectRoutesSuite(stage, client, dialect)
    dialectErrorsSuite(stage, client, dialect)
  })
