import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentProxy, isProxyUrl } from './proxy.ts'

const through = (url: string, env: Record<string, string>) => environmentProxy(url, env)?.proxy

test('the scheme of the target decides which variable counts', () => {
  const env = { HTTPS_PROXY: 'http://s:1', http_proxy: 'p:2' }
  assert.equal(through('https://api.example.com/v1', env), 'http://s:1')
  assert.equal(through('http://api.example.com/v1', env), 'http://p:2')
  assert.equal(through('https://api.example.com/v1', {}), undefined)
})

test('NO_PROXY exempts names, their subdomains, ports and everything', () => {
  const url = 'https://api.example.com/v1'
  for (const list of [
    'example.com',
    '.example.com',
    '*.example.com',
    'x, API.example.com:443',
    '*',
  ])
    assert.equal(through(url, { HTTPS_PROXY: 'http://s', NO_PROXY: list }), undefined, list)
  for (const list of ['ample.com', 'api.example.com:8443', ''])
    assert.equal(through(url, { HTTPS_PROXY: 'http://s', NO_PROXY: list }), 'http://s', list)
})

test('loopback never goes through a proxy', () => {
  for (const host of ['127.0.0.1:9000', 'localhost', '[::1]:80'])
    assert.equal(through(`http://${host}/v1`, { HTTP_PROXY: 'http://s' }), undefined, host)
})

test('only http and https URLs are proxies', () => {
  assert.ok(isProxyUrl('http://proxy:3128'))
  for (const text of ['socks5://proxy', 'proxy', '']) assert.ok(!isProxyUrl(text), text)
})
