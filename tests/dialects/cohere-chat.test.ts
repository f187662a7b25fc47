import path from 'node:path'
import { cohereChat } from '../../src/wire/cohere-chat/dialect.ts'
import { goldenTests } from './golden.ts'

goldenTests(cohereChat, path.join(import.meta.dirname, 'cohere-chat'), 'command-a-03-2025')
