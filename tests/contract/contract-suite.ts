import { describe } from 'node:test'
import { aiSdkSuite } from './ai-sdk-suite.ts'
import { asyncJobsSuite } from './async-jobs-suite.ts'
import { asyncSuite } from './async-suite.ts'
import { authSuite } from './auth-suite.ts'
import { bytesSuite } from './bytes-suite.ts'
import { headersSuite } from './headers-suite.ts'
import { modelNamesSuite } from './model-names-suite.ts'
import { openaiErrorsSuite } from './openai-errors-suite.ts'
import { openaiSdkSuite } from './openai-sdk-suite.ts'
import { routesSuite } from './routes-suite.ts'
import type { Stage } from './stage.ts'

/** What must hold whichever road chat calls take through the process. */
export function contractSuite(stage: Stage): void {
  describe('the official OpenAI clients', { concurrency: 4 }, () => openaiSdkSuite(stage))
  describe('failures, as official clients see them', { concurrency: 4 }, () =>
    openaiErrorsSuite(stage),
  )
  describe('the ai package', { concurrency: 4 }, () => aiSdkSuite(stage))
  describe('credentials', () => authSuite(stage))
  describe('routes', () => routesSuite(stage))
  describe('headers', () => headersSuite(stage))
  describe('bytes', () => bytesSuite(stage))
  describe('model names', () => modelNamesSuite(stage))
  describe('async calls', () => asyncSuite(stage))
  describe('jobs', () => asyncJobsSuite(stage))
}
