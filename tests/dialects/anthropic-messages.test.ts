import { join } from 'node:path'
import { anthropicMessages } from '../../src/wire/anthropic-messages/dialect.ts'
import { goldenTests } from './golden.ts'

const folder = join(import.meta.dirname, 'anthropic-messages')
goldenTests(anthropicMessages(), folder, 'claude-sonnet-4-5')
