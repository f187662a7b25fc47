// How long it takes until the provider learns that a client has gone.
import fs from 'node:fs'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../statistics.ts'
import { streamBody } from './bodies.ts'
import type { Bench, Variant } from './variants.ts'

const idleMs = 600_000
const atOnce = 50

interface OpenStream {
  readonly tag: number
  readonly socket: { destroy: () => unknown }
}

/**
 * Opens streams that send one event and then fall silent, closes each from the client's side, and
 * compares with when the upstream saw the end. Both sides read CLOCK_MONOTONIC.
 */
export async function measureAborts(bench: Bench, variant: Variant, count: number) {
  const abortedNs = new Map<number, bigint>()
  const fromByte = fs.statSync(bench.upstream.logFile).size
  for (let first = 1; first <= count; first += atOnce) {
    const size = Math.min(atOnce, count - first + 1)
    const tags = Array.from({ length: size }, (_, i) => first + i)
    const streams = await Promise.all(tags.map((tag) => openStream(variant, tag)))
    for (const { tag, socket } of streams) {
      abortedNs.set(tag, process.hrtime.bigint())
      socket.destroy()
      await sleep(3)
    }
  }
  const closedNs = await readClosings(bench.upstream.logFile, fromByte, count)
  const delaysUs: number[] = []
  for (const [tag, at] of abortedNs) {
    const closed = closedNs.get(tag)
    if (closed !== undefined) delaysUs.push(Number(closed - at) / 1e3)
  }
  return {
    aborted: count,
    p50Us: quantile(delaysUs, 0.5),
    p99Us: quantile(delaysUs, 0.99),
    maxUs: quantile(delaysUs, 1),
    neverClosed: count - delaysUs.length,
  }
}

function openStream(variant: Variant, tag: number): Promise<OpenStream> {
  const body = JSON.stringify(streamBody(idleMs, tag))
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  for (const line of variant.headers) {
    const colon = line.indexOf(': ')
    headers[line.slice(0, colon)] = line.slice(colon + 2)
  }
  return new Promise((resolve, reject) => {
    const options = { port: variant.port, path: '/v1/chat/completions', method: 'POST', headers }
    const req = http.request({ ...options, host: '127.0.0.1', agent: false }, (res) => {
      res.on('error', () => {})
      if (res.statusCode !== 200) reject(new Error(`a stream was answered with ${res.statusCode}`))
      res.once('data', () => resolve({ tag, socket: res.socket }))
    })
    req.setTimeout(10_000, () => req.destroy(new Error('a stream sent no event within 10 s')))
    req.on('error', reject)
    req.end(body)
  })
}

/** Waits at most 3 s for the last of them. */
async function readClosings(logFile: string, fromByte: number, count: number) {
  const closed = new Map<number, bigint>()
  const until = performance.now() + 3000
  for (;;) {
    const text = fs.readFileSync(logFile).subarray(fromByte).toString()
    for (const match of text.matchAll(/^closed (\d+) (\d+)$/gm)) {
      closed.set(Number(match[1]), BigInt(match[2] ?? 0))
    }
    if (closed.size >= count || performance.now() > until) return closed
    await sleep(20)
  }
}
