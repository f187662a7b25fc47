import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { type CrashCase, crashConfig, nativePath, submitCase } from './crash-case.ts'
import { JobClient } from './job-client.ts'
import type { Dispatch, JobUpstream } from './job-upstream.ts'

/** A gateway with its own name in every request it makes. */
export interface Node extends AsyncDisposable {
  readonly name: string
  readonly gateway: Gateway
  readonly client: JobClient
}

/** Two gateways on one Postgres, and nothing else in common. */
export async function startNodes(
  postgresUrl: string,
  upstream: JobUpstream,
): Promise<readonly [Node, Node]> {
  // One after the other: the first prepares the database.
  return [await startNode('a', postgresUrl, upstream), await startNode('b', postgresUrl, upstream)]
}

async function startNode(name: string, url: string, upstream: JobUpstream): Promise<Node> {
  const base = crashConfig(upstream.url) as { providers: { sim: object } }
  const sim = { ...base.providers.sim, headers: { 'x-node': name } }
  const gateway = await startGateway({
    config: { ...base, providers: { sim }, store: { url } },
    env: { SLUICE_ENCRYPTION_KEY: 'the-same-on-both-nodes-0123456789' },
  })
  const client = new JobClient(gateway.url)
  return {
    name,
    gateway,
    client,
    async [Symbol.asyncDispose]() {
      client.close()
      // A stopped process would not notice anything gentler, and one that was killed is gone.
      await gateway.kill()
      gateway.removeFolder()
    },
  }
}

/** Every second job over the other node. Answers their ids in the order of the cases. */
export const submitOver = (
  nodes: readonly Node[],
  cases: readonly CrashCase[],
): Promise<readonly string[]> =>
  Promise.all(
    cases.map((each, i) => {
      const node = nodes[i % nodes.length]
      if (!node) throw new Error('there is no node')
      return submitCase(node.client, each, { isRepeat: false, onWritten: () => {} })
    }),
  )

/** The native answer once the job is final, or after a minute as it stands then. */
export async function awaitJob({ client }: Node, { key }: CrashCase, id: string): Promise<string> {
  const path = `${nativePath}/${id}`
  const answer = await client.send('GET', path, { key, headers: { 'x-bf-async-wait': '60' } })
  return answer.text
}

/** Resolves once the provider was sent what fits. */
export function untilDispatched(
  upstream: JobUpstream,
  fits: (all: readonly Dispatch[]) => boolean,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (fits([...upstream.dispatches.values()].flat())) resolve()
  }
  upstream.onEvent = look
  look()
  return promise
}
