/**
 * A counter for each tenant: thousands of sequences at once, each measured in a process of its own.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { startReplicaSet } from '../../devtools/mongod.mjs'
import { printed, upserts } from './server.mjs'

const MANY = 10_000

/**
 * @param {string} url
 * @param {number} count
 * @param {number} [reopen] how often a store is opened and closed afterwards
 * @returns {Promise<{ firstIds: number, threads: number, descriptors: number, bytes: number,
 *   reopenedThreads: number, reopenedDescriptors: number }>}
 */
function openMany(url, count, reopen = 0) {
  const script = fileURLToPath(new URL('./many-opener.mjs', import.meta.url))
  return printed(process.execPath, ['--expose-gc', script, url, String(count), String(reopen)])
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'texample-bench-'))
  const set = await startReplicaSet({ count: 1 })
  try {
    const client = await new MongoClient(set.uri, { writeConcern: { w: 'majority', journal: true } }).connect()
    const driver = await upserts(client.db('peer'), MANY)
    await client.close()
    /** @type {import('../report.mjs').Row[]} */
    const rows = []
    for (const [kind, url, most, limit] of /** @type {[string, string, number, string][]} */ ([
      ['memory', 'memory:', 500, 'at most 500'],
      ['SQLite', `sqlite:${join(folder, 'many.db')}`, 2000, 'at most 2000'],
      ['MongoDB', set.uri.replace('/?', '/many?'), 1.5 * driver, 'at most 1.5 ×'],
    ])) {
      const isMongo = kind === 'MongoDB'
      const opened = await openMany(url, MANY, 1000)
      const { firstIds } = opened
      rows.push({
        what: `${kind}: first ids of ${MANY}`,
        value: firstIds,
        unit: 'ms',
        ...(isMongo && { ratio: firstIds / driver, than: 'as many upserts of the driver' }),
        goal: limit,
        met: firstIds <= most,
      })
      // The driver's default for connections is 100.
      const descriptors = isMongo ? 100 : 10
      for (const [what, value, unit, most] of /** @type {[string, number, string, number][]} */ ([
        ['threads more than with one', opened.threads, '', 3],
        ['descriptors more than with one', opened.descriptors, '', descriptors],
        ['resident memory of each', opened.bytes / 1024, 'KB', 4],
        ['descriptors after 1 000 stores', opened.reopenedDescriptors, 'more', 5],
        ['threads after 1 000 stores', opened.reopenedThreads, 'more', 0],
      ])) {
        const goal = most === 0 ? 'none' : `at most ${most}`
        rows.push({ what: `${kind}: ${what}`, value, unit, goal, met: value <= most })
      }
      if (isMongo) continue
      const more = kind === 'memory' ? url : `sqlite:${join(folder, 'more.db')}`
      const { firstIds: tenTimes } = await openMany(more, 10 * MANY)
      const ratio = tenTimes / 10 / firstIds
      rows.push({
        what: `${kind}: first ids of ${10 * MANY}`,
        value: tenTimes,
        unit: 'ms',
        ratio,
        than: 'for each of a tenth',
        goal: 'at most 1.5',
        met: ratio <= 1.5,
      })
    }
    return rows
  } finally {
    await set.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
