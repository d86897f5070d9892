/** What diagnostics_channel and NODE_DEBUG tell of ids. */

import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { it } from 'node:test'
import { output, program, settled } from '../devtools/ids.mjs'
import { newName, openSequence, UNAVAILABLE } from './support/ids.mjs'

it('claims and errors are published, no password', async () => {
  const seen = []
  const listen = (message) => seen.push(message)
  subscribe('texample:ids:claim', listen)
  subscribe('texample:ids:error', listen)
  try {
    const sequence = openSequence(newName(), { url: 'memory:', step: 10 })
    const twin = openSequence(newName(), { url: 'memory:' })
    assert.equal(await sequence.nextId(), 1000)
    await sequence.close()
    await twin.close()
    assert.equal(seen.length, 1)
    assert.equal(seen[0].first, 1000n)
    assert.equal(seen[0].count, 10)
    assert.equal(typeof seen[0].duration, 'number')
    seen.length = 0
    const lost = openSequence(newName(), { url: 'mongodb://ann:s3cret@127.0.0.1:1/', timeout: 1200 })
    const [, error] = await settled(lost.nextId())
    await lost.close()
    assert.ok(seen.length >= 1)
    assert.equal(seen[0].error.code, UNAVAILABLE)
    const everything = JSON.stringify([seen, lost.stats()]) + error.stack + error.cause.stack + seen[0].error.stack
    assert.doesNotMatch(everything, /s3cret/)
  } finally {
    unsubscribe('texample:ids:claim', listen)
    unsubscribe('texample:ids:error', listen)
  }
})

it('NODE_DEBUG prints claims and errors, no password', async () => {
  const code = `
    await texample.openSequence('a', { url: 'memory:' }).nextId()
    await texample.openSequence('b', { url: 'mongodb://ann:s3cret@127.0.0.1:1/', timeout: 1200 }).nextId().catch(() => {})`
  const child = program(code, { env: { NODE_DEBUG: 'texample' } })
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (data) => {
    log += data
  })
  await output(child)
  assert.match(log, /TEXAMPLE \d+: sequence "a" in memory:ids: claimed 10 from 1000/)
  assert.match(log, /sequence "b" in mongodb:\/\/127\.0\.0\.1:1\/test\.ids: claim failed/)
  assert.doesNotMatch(log, /s3cret/)
})
