/** A counter for each tenant: thousands of sequences cost memory, and little else. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { folder, printed } from '../devtools/ids.mjs'
import { openMany, RESOURCES, sqliteFile } from './support/ids.mjs'

const stores = { memory: () => 'memory:', sqlite: (t) => sqliteFile(t).url }
for (const [kind, urlOf] of Object.entries(stores)) {
  it(`5 000 sequences at once on ${kind}: few threads, few files`, async (t) => {
    const { before, after } = await openMany(urlOf(t), 5000, { shell: 'ulimit -n 1024' })
    assert.ok(after.threads - before.threads <= 3, `${after.threads} threads after ${before.threads}`)
    assert.ok(after.descriptors - before.descriptors <= 10, `${after.descriptors} files after ${before.descriptors}`)
  })

  it(`a store on ${kind} opened 1 000 times costs what it cost once`, async (t) => {
    const code = `
      ${RESOURCES}
      const url = ${JSON.stringify(urlOf(t))}
      const once = async () => {
        const store = texample.openStore({ url })
        await store.nextId('a')
        await store.close()
      }
      await once()
      const before = resources()
      for (let i = 0; i < 1000; i++) await once()
      console.log(JSON.stringify({ before, after: resources() }))`
    const { before, after } = JSON.parse(await printed(code))
    assert.ok(after.threads <= before.threads, `${after.threads} threads after ${before.threads}`)
    assert.ok(after.descriptors - before.descriptors <= 5, `${after.descriptors} files after ${before.descriptors}`)
  })
}

it('removed databases leave no open file behind', async (t) => {
  const code = `
    ${RESOURCES}
    const once = async (i) => {
      const file = i + '.db'
      const sequence = texample.openSequence('a', { url: 'sqlite:' + file })
      await sequence.nextId()
      await sequence.close()
      for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
    }
    for (let i = 0; i < 5; i++) await once(i)
    const before = resources()
    for (let i = 0; i < 100; i++) await once(i)
    console.log(JSON.stringify({ before, after: resources() }))`
  const { before, after } = JSON.parse(await printed(code, { cwd: folder(t) }))
  assert.ok(after.descriptors - before.descriptors <= 3, `${after.descriptors} files after ${before.descriptors}`)
})
