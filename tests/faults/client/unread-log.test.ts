import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { postBytes, rawConnect } from '../../support/raw-client.ts'
import { startUpstream } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
/** Each record repeats them, so that few calls fill whatever lies between the process and who reads its log. */
const dimensions = Object.fromEntries(
  Array.from({ length: 16 }, (_, n) => [`x-bf-dim-${n}`, 'x'.repeat(256)]),
)

test('S20 a log that nobody reads holds up neither streams nor calls, and what is lost is counted', async () => {
  await using upstream = await startUpstream()
  const release = Promise.withResolvers<void>()
  const delta = (content: string): script.Step =>
    script.event({ choices: [{ index: 0, delta: { content } }] })
  upstream.on('long', [
    script.streamHead(),
    delta('first'),
    script.until(release.promise),
    delta('last'),
    script.event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    script.event('[DONE]'),
    script.lastChunk(),
  ])
  const folder = mkdtempSync(join(tmpdir(), 'sluice-unread-'))
  writeFileSync(
    join(folder, 'sluice.yaml'),
    JSON.stringify({
      version: 1,
      auth: { inference: 'optional' },
      providers: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
    }),
  )
  const args = ['--port', '0', '--data-dir', join(folder, 'data'), '--log-format', 'json']
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    // Nothing ever reads its stderr.
    const port = await new Promise<number>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const found = /listening on http:\/\/\S+:(\d+)/.exec(text)?.[1]
        if (found !== undefined) resolve(Number(found))
      })
    })
    const bytes = (model: string, stream: boolean): Buffer =>
      postBytes('/v1/chat/completions', dimensions, {
        model: `up/${model}`,
        stream,
        messages: [{ role: 'user', content: 'hi' }],
      })
    using stream = await rawConnect(port)
    await stream.write(bytes('long', true))
    await stream.readUntil('first')
    using client = await rawConnect(port)
    const metric = async (name: string): Promise<number> => {
      await client.write('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n')
      const { text } = await client.response()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    }
    for (let n = 0; (await metric('sluice_log_lines_dropped')) === 0; n += 200) {
      assert.ok(n < 100_000, 'nothing is given up, so it is kept')
      for (let k = 0; k < 200; k++) {
        await client.write(bytes('quick', false))
        assert.equal((await client.response()).status, 200)
      }
    }
    release.resolve()
    const rest = (await stream.readUntil('[DONE]')).toString()
    assert.match(rest, /last/)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
