/**
 * Opens sequences at once and prints what they take:
 * `node --expose-gc many-opener.mjs URL COUNT REOPEN`.
 */

import { readdirSync } from 'node:fs'
import { openSequence, openStore } from './server.mjs'

const [url, count, reopen] = process.argv.slice(2)
const resources = () => {
  globalThis.gc?.()
  return {
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    rss: process.memoryUsage().rss,
  }
}
const first = openSequence('first', { url })
await first.nextId()
const names = Array.from({ length: Number(count) }, (_, i) => `tenant-${process.pid}-${i}`)
const before = resources()

const begun = performance.now()
const all = names.map((name) => openSequence(name, { url }))
await Promise.all(all.map((sequence) => sequence.nextId()))
const firstIds = performance.now() - begun
// V8 gives the memory back that the burst of promises took, some seconds later.
for (let i = 0; i < 6; i++) {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 1000))
}
const after = resources()
await Promise.all([first, ...all].map((sequence) => sequence.close()))

const once = async () => {
  const store = openStore({ url })
  await store.nextId('again')
  await store.close()
}
if (Number(reopen) > 0) await once()
const closed = resources()
for (let i = 0; i < Number(reopen); i++) await once()
const end = resources()
process.stdout.write(
  JSON.stringify({
    firstIds,
    threads: after.threads - before.threads,
    descriptors: after.descriptors - before.descriptors,
    bytes: (after.rss - before.rss) / Number(count),
    reopenedThreads: end.threads - closed.threads,
    reopenedDescriptors: end.descriptors - closed.descriptors,
  }),
)
process.exit()
