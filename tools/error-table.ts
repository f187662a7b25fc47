import type { ServerResponse } from 'node:http'
import { type ErrorCode, errorTable, GatewayError } from '../src/core/errors.ts'
import { systemRuntime } from '../src/core/system.ts'
import { sendError } from '../src/http/error-reply.ts'
import { errorMeanings } from './error-meanings.ts'

/** Every code with its status and what it asks of the caller, as Markdown. */
export function renderErrors(): string {
  const codes = (Object.keys(errorTable) as ErrorCode[]).sort(
    (a, b) => errorTable[a].status - errorTable[b].status,
  )
  const rows = codes.map((code) => {
    const { status, type, outerType } = errorTable[code]
    const outer = outerType ? `<br>outer \`type\`: \`${outerType}\`` : ''
    return `| <a id="${code}"></a>\`${code}\` | ${status} | \`${type}\`${outer} | ${shouldRetry(code)} | ${errorMeanings[code]} |`
  })
  return [
    '| code | status | type | `x-should-retry` | what it means |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

/** Asked of the renderer itself: once where a request may have reached a provider, once where none can have. */
function shouldRetry(code: ErrorCode): string {
  const [sent, unsent] = [headerOf(code, true), headerOf(code, false)]
  if (sent === unsent) return sent === undefined ? 'absent' : `\`${sent}\``
  return `\`${sent}\` once sent, else absent`
}

function headerOf(code: ErrorCode, dispatched: boolean): string | undefined {
  let sent: readonly string[] = []
  const response = {
    headersSent: false,
    destroyed: false,
    req: { complete: true, headers: {} },
    writeHead: (_status: number, headers: readonly string[]) => {
      sent = headers
    },
    end: () => {},
  }
  const error = new GatewayError(code, 'asked', { dispatched })
  sendError(response as unknown as ServerResponse, error, [], systemRuntime.clock)
  const at = sent.indexOf('x-should-retry')
  return at < 0 ? undefined : sent[at + 1]
}
