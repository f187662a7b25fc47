// The gateway with 200 descriptors. It keeps its pid.
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const command = [process.execPath, main, ...process.argv.slice(2)]
if (!process.execve) throw new Error('a process cannot be replaced here')
process.execve('/bin/sh', ['sh', '-c', 'ulimit -n 200 && exec "$@"', 'sh', ...command])
