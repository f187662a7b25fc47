import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface BlackHole extends Disposable {
  readonly port: number
}

const script = `
const server = require('node:net').createServer()
server.listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: 1 }, () =>
  console.log(server.address().port))
`
/** Linux takes one connection more than the backlog says. */
const places = 2

/** An address that answers no attempt to connect: whoever listens there is stopped, and its queue is full. */
export async function openBlackHole(host = '127.0.0.1', port = 0): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', script, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const opened = Number(line.toString())
  child.kill('SIGSTOP')
  const waiting: Socket[] = []
  for (let n = 0; n < places; n++) {
    const socket = connect(opened, host)
    waiting.push(socket)
    await once(socket, 'connect')
    socket.on('error', () => undefined)
  }
  return {
    port: opened,
    [Symbol.dispose]() {
      for (const socket of waiting) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}
