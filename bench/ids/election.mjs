/** 6 000 ids a second, while the primary is killed and an election takes about eleven seconds. */

import { startReplicaSet } from '../../devtools/mongod.mjs'
import { pace } from './pacer.mjs'
import { name, openSequence } from './server.mjs'

const RATE = 6000

export async function run() {
  // MongoDB's own default: ten seconds without a primary before the others elect one.
  const set = await startReplicaSet({ electionTimeoutMillis: 10_000 })
  try {
    await set.healthy()
    const sequence = openSequence(name(), { url: set.uri.replace('/?', '/bench?') })
    // The first claim of a new set takes a second, and is not what is measured.
    await sequence.ready()
    let outage = 0
    let killed = false
    const { waits, failures } = await pace(
      () => sequence.nextId(),
      RATE,
      35_000,
      (elapsed) => {
        if (killed || elapsed < 8000) return
        killed = true
        const begun = performance.now()
        set
          .primary()
          .then((primary) => primary.kill())
          .then(() => set.primary())
          .then(() => {
            outage = performance.now() - begun
          })
      },
    )
    // In the first second the demand becomes known.
    const worst = waits.slice(RATE).reduce((most, ms) => Math.max(most, ms), 0)
    await sequence.close()
    return [
      { what: 'without a primary', value: outage, unit: 'ms' },
      { what: 'failed calls', value: failures.length, unit: 'calls', goal: 'none', met: failures.length === 0 },
      {
        what: `the longest of ${waits.length.toLocaleString('en')} calls`,
        value: worst,
        unit: 'ms',
        goal: 'at most 50',
        met: worst <= 50,
      },
    ]
  } finally {
    await set.stop()
  }
}
