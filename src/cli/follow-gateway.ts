import { SseFramer } from '../wire/sse.ts'
import {
  describeAnswer,
  type Fields,
  type GatewayAddress,
  UnreachableError,
} from './ask-gateway.ts'
import { UsageError } from './usage-error.ts'

/** Lists of calls as a gateway tells them, until somebody ends it. Throws a UsageError, also where the gateway goes away. */
export async function* followGateway(
  gateway: GatewayAddress,
  path: string,
): AsyncGenerator<readonly Fields[]> {
  const { url, username, password } = gateway
  const basic = Buffer.from(`${username}:${password}`).toString('base64')
  const answer = await fetch(`${url}${path}`, {
    headers: { authorization: `Basic ${basic}`, accept: 'text/event-stream' },
    redirect: 'manual',
  }).catch((cause: unknown) => {
    throw new UnreachableError(
      `The gateway at ${url} cannot be reached. Is it running there? Start it with sluice serve, or give its address with --url.`,
      1,
      { cause },
    )
  })
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!answer.ok || !isStream || !answer.body) {
    const body = (await answer.json().catch(() => null)) as Fields | null
    throw describeAnswer({ status: answer.status, body }, gateway, 'a request log')
  }
  const framer = new SseFramer()
  try {
    for await (const chunk of answer.body)
      for (const { name, data } of framer.push(chunk))
        if (name === 'calls' && data !== null) yield JSON.parse(data) as readonly Fields[]
  } catch (cause) {
    throw new UsageError(`The gateway at ${url} has broken off.`, 1, { cause })
  }
  throw new UsageError(`The gateway at ${url} has ended the connection.`, 1)
}
