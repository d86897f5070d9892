/**
 * `npm run chaos`: long rounds of what the tests do once. Ids through failovers, 20 rounds of each
 * kind, or `npm run chaos -- --rounds 3 kill freeze`.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { Failure, main } from './command.mjs'

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string', default: '20' } },
    allowPositionals: true,
  })
  const count = Number(values.rounds)
  if (!(Number.isInteger(count) && count > 0))
    throw new Failure(`--rounds must be a positive integer; it is "${values.rounds}"`)
  await build() // What follows imports what it installs.
  const { startReplicaSet } = await import('../devtools/mongod.mjs')
  const { failover, kinds } = await import('../devtools/failover.mjs')
  const unknown = positionals.filter((kind) => !kinds.includes(/** @type {any} */ (kind)))
  if (unknown.length > 0) throw new Failure(`no such fault: ${unknown.join(', ')}; there are: ${kinds.join(', ')}`)
  const { assertDistinct } = await import('../devtools/ids.mjs')

  let failed = 0
  for (const kind of kinds.filter((kind) => positionals.length === 0 || positionals.includes(kind))) {
    const set = await startReplicaSet()
    try {
      for (let round = 1; round <= count; round++) {
        const folder = await mkdtemp(path.join(tmpdir(), 'texample-chaos-'))
        try {
          const { ids, failures, errors, maxWaitMs } = await failover(set, kind, folder)
          assertDistinct(ids)
          failed += failures.length
          const waited = `${Math.round(maxWaitMs)} ms the longest wait`
          console.log(
            `${kind} ${round}: ${ids.length} ids, none twice, ${failures.length} failed calls, ${errors} failed claims, ${waited}`,
          )
        } finally {
          await rm(folder, { recursive: true, force: true })
        }
      }
    } finally {
      await set.stop()
    }
  }
  if (failed > 0) throw new Failure(`${failed} calls failed`)
})
