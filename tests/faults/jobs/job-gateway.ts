import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { repeatUntil } from '../../contract/job-client.ts'
import { configFor, serverSettings } from '../../contract/stage.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'

export interface JobGatewayOptions {
  readonly jobs?: object
  /** Laid over the server's settings: by default a drain has no delay and 5 s of grace. */
  readonly drain?: object
  readonly start?: Pick<GatewayOptions, 'entry' | 'env' | 'args'>
}

/** A started gateway whose provider the test plays; the upstream outlives it. */
export class JobGateway implements AsyncDisposable {
  readonly upstream: Upstream
  gateway: Gateway

  static async open({ jobs, drain, start }: JobGatewayOptions = {}): Promise<JobGateway> {
    const upstream = await startUpstream()
    const server = { ...serverSettings, drain: { ...serverSettings.drain, ...drain } }
    const config = { ...configFor(upstream), server, ...(jobs && { jobs }) }
    try {
      return new JobGateway(upstream, await startGateway({ config, ...start }))
    } catch (thrown) {
      await upstream.stop()
      throw thrown
    }
  }

  constructor(upstream: Upstream, gateway: Gateway) {
    this.upstream = upstream
    this.gateway = gateway
  }

  get databaseFile(): string {
    return join(this.gateway.dataDir, 'sluice.db')
  }

  /** Another life on the same data, after this one has ended. */
  async restart(env?: Readonly<Record<string, string>>): Promise<void> {
    this.gateway = await this.gateway.restart(env && { env })
  }

  async killAndRestart(): Promise<void> {
    await this.gateway.kill()
    await this.restart()
  }

  /** Waits until the log says it. */
  async said(words: string | RegExp): Promise<void> {
    const said = (): boolean =>
      typeof words === 'string'
        ? this.gateway.stderr().includes(words)
        : words.test(this.gateway.stderr())
    await repeatUntil(async () => said(), Boolean)
  }

  /** How often the provider was asked for this model. */
  asked(model: string): number {
    return this.upstream.requests.filter((request) => request.model === model).length
  }

  /** What the database says of a job, read beside the gateway, which is in nobody's way. */
  row(id: string): { readonly state: string; readonly attempt: number } | undefined {
    const db = new DatabaseSync(this.databaseFile, { readOnly: true })
    try {
      const row = db.prepare('select state, attempt from jobs where id = ?').get(id)
      return row && { state: String(row['state']), attempt: Number(row['attempt']) }
    } finally {
      db.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Killed: what a test has left behind, such as a held job, would be waited for.
    await this.gateway.kill()
    this.gateway.removeFolder()
    await this.upstream.stop()
  }
}
