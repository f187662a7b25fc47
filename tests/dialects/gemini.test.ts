import { join } from 'node:path'
import { geminiContent } from '../../src/wire/gemini/dialect.ts'
import { goldenTests } from './golden.ts'

// Two generations, since much that is said depends on the model: the newer one, and an older one on Google Cloud.
goldenTests(geminiContent('gemini'), join(import.meta.dirname, 'gemini'), 'gemini-3-flash-preview')
goldenTests(geminiContent('vertex'), join(import.meta.dirname, 'gemini-vertex'), 'gemini-2.5-flash')
