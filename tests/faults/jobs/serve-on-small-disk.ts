// The gateway with its data folder on a small disk of its own, which no other process sees by that name. It keeps its pid.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { smallDiskBytes, unshareFlags } from './small-disk.ts'

const given = process.argv.slice(2)
const dataDir = given[given.indexOf('--data-dir') + 1] ?? ''
mkdirSync(dataDir, { recursive: true, mode: 0o700 })
const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const mount = `mount -t tmpfs -o size=${smallDiskBytes},mode=700 tmpfs "$1" && shift && exec "$@"`
const command = ['sh', '-c', mount, 'sh', dataDir, process.execPath, main, ...given]
if (!process.execve) throw new Error('a process cannot be replaced here')
process.execve('/usr/bin/env', ['env', 'unshare', ...unshareFlags, ...command])
