import path from 'node:path'
import { startServer, stopServer, waitForLine } from '../processes.ts'
import { median } from '../statistics.ts'
import { type Bench, writeGatewayConfig } from './variants.ts'

/**
 * From spawning Node (without npm above it) to the line that says it listens. The first start is on
 * an empty data folder, the others find it filled.
 */
export async function measureStartUp(bench: Bench, gatewayDir: string, count: number) {
  const config = writeGatewayConfig(bench)
  const startsMs: number[] = []
  for (let i = 0; i < count; i++) {
    const data = path.join(bench.work, 'data-start-up')
    const flags = ['--port', '0', '--config', config, '--data-dir', data]
    const beganAt = performance.now()
    const server = startServer(bench.node, ['src/main.ts', ...flags], {
      core: bench.cores.proxy,
      cwd: gatewayDir,
      logFile: path.join(bench.work, `start-up-${i}.log`),
    })
    await waitForLine(server, /listening on http:/, 60_000)
    startsMs.push(performance.now() - beganAt)
    await stopServer(server)
  }
  return { firstMs: startsMs[0], bestMs: Math.min(...startsMs), medianMs: median(startsMs) }
}
