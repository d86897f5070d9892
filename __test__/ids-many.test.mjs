/** A counter for each tenant: thousands of sequences cost memory, and little else. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { folder, output, program } from '../devtools/ids.mjs'

/** What a process has, read from Linux' /proc. */
const resources = `
  const fs = require('node:fs')
  const resources = () => ({
    threads: fs.readdirSync('/proc/self/task').length,
    descriptors: fs.readdirSync('/proc/self/fd').length,
  })`

/**
 * @param {import('node:test').TestContext} t
 * @param {string} kind
 */
function url(t, kind) {
  return kind === 'memory' ? 'memory:' : `sqlite:${join(folder(t), 'ids.db')}`
}

for (const kind of ['memory', 'sqlite']) {
  it(`5 000 sequences at once on ${kind}: few threads, few files`, async (t) => {
    const code = `
      ${resources}
      const url = ${JSON.stringify(url(t, kind))}
      const first = texample.openSequence('first', { url })
      await first.nextId()
      const before = resources()
      const all = Array.from({ length: 5000 }, (_, i) => texample.openSequence('tenant-' + i, { url }))
      const ids = await Promise.all(all.map((sequence) => sequence.nextId()))
      const after = resources()
      await Promise.all([first, ...all].map((sequence) => sequence.close()))
      console.log(JSON.stringify({ before, after, right: ids.every((id) => id === 1000) }))`
    const { before, after, right } = JSON.parse(await output(program(code, { shell: 'ulimit -n 1024' })))
    assert.ok(right, 'each begins at its start')
    assert.ok(after.threads - before.threads <= 3, `${after.threads} threads after ${before.threads}`)
    assert.ok(after.descriptors - before.descriptors <= 10, `${after.descriptors} files after ${before.descriptors}`)
  })

  it(`a store on ${kind} opened 1 000 times costs what it cost once`, async (t) => {
    const code = `
      ${resources}
      const url = ${JSON.stringify(url(t, kind))}
      const once = async () => {
        const store = texample.openStore({ url })
        await store.nextId('a')
        await store.close()
      }
      await once()
      const before = resources()
      for (let i = 0; i < 1000; i++) await once()
      console.log(JSON.stringify({ before, after: resources() }))`
    const { before, after } = JSON.parse(await output(program(code)))
    assert.ok(after.threads <= before.threads, `${after.threads} threads after ${before.threads}`)
    assert.ok(after.descriptors - before.descriptors <= 5, `${after.descriptors} files after ${before.descriptors}`)
  })
}

it('removed databases leave no open file behind', async (t) => {
  const code = `
    ${resources}
    const folder = ${JSON.stringify(folder(t))}
    const once = async (i) => {
      const file = folder + '/' + i + '.db'
      const sequence = texample.openSequence('a', { url: 'sqlite:' + file })
      await sequence.nextId()
      await sequence.close()
      for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
    }
    for (let i = 0; i < 5; i++) await once(i)
    const before = resources()
    for (let i = 0; i < 100; i++) await once(i)
    console.log(JSON.stringify({ before, after: resources() }))`
  const { before, after } = JSON.parse(await output(program(code)))
  assert.ok(after.descriptors - before.descriptors <= 3, `${after.descriptors} files after ${before.descriptors}`)
})
