/**
 * `npm run chaos`: long rounds of what the tests do once. Ids through failovers, 20 rounds of each
 * kind, or `npm run chaos -- --rounds 3 kill freeze`.
 */

import { build } from './build.mjs'
import { chosen, commandLine, Failure, main, withTemporary } from './command.mjs'

await main(async () => {
  const { words, rounds = '20' } = commandLine({ rounds: 'string' })
  const count = Number(rounds)
  if (!(Number.isInteger(count) && count > 0))
    throw new Failure(`--rounds must be a positive integer; it is "${rounds}"`)
  await build() // What follows imports what it installs.
  const { startReplicaSet } = await import('../devtools/mongod.mjs')
  const { failover, kinds } = await import('../devtools/failover.mjs')
  const { assertDistinct } = await import('../devtools/ids.mjs')

  let failed = 0
  for (const kind of chosen('fault', words, kinds)) {
    const set = await startReplicaSet()
    try {
      for (let round = 1; round <= count; round++) {
        const { ids, failures, errors, maxWaitMs } = await withTemporary('chaos', (folder) =>
          failover(set, kind, folder),
        )
        assertDistinct(ids)
        failed += failures.length
        const waited = `${Math.round(maxWaitMs)} ms the longest wait`
        console.log(
          `${kind} ${round}: ${ids.length} ids, none twice, ${failures.length} failed calls, ${errors} failed claims, ${waited}`,
        )
      }
    } finally {
      await set.stop()
    }
  }
  if (failed > 0) throw new Failure(`${failed} calls failed`)
})
