/**
 * A counter for each tenant: thousands of sequences at once, each measured in a process of its own.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { startReplicaSet } from '../../devtools/mongod.mjs'

const MANY = 10_000

/**
 * @param {string} url
 * @param {number} count
 * @param {number} [reopen] how often a store is opened and closed afterwards
 * @returns {Promise<{ firstIds: number, threads: number, descriptors: number, bytes: number,
 *   burstBytes: number, reopenedThreads: number, reopenedDescriptors: number }>}
 */
async function openMany(url, count, reopen = 0) {
  const script = fileURLToPath(new URL('./many-opener.mjs', import.meta.url))
  const args = ['--expose-gc', script, url, String(count), String(reopen)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (data) => {
    text += data
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`many-opener.mjs ended with ${code}`)
  return JSON.parse(text)
}

/** As many upserts by the Node driver alone. @param {string} uri */
async function upserts(uri) {
  const client = await new MongoClient(uri, { writeConcern: { w: 'majority', journal: true } }).connect()
  const counters = client.db('peer').collection(/** @type {any} */ ('counters'))
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: MANY }, (_, i) =>
      counters.findOneAndUpdate({ _id: /** @type {any} */ (`a${i}`) }, { $inc: { index: 10 } }, { upsert: true }),
    ),
  )
  const took = performance.now() - begun
  await client.close()
  return took
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'texample-bench-'))
  const set = await startReplicaSet({ count: 1 })
  try {
    const driver = await upserts(set.uri)
    /** @type {import('./report.mjs').Row[]} */
    const rows = []
    for (const [kind, url, limit] of /** @type {[string, string, number][]} */ ([
      ['memory', 'memory:', 500],
      ['SQLite', `sqlite:${join(folder, 'many.db')}`, 2000],
      ['MongoDB', set.uri.replace('/?', '/many?'), 1.5 * driver],
    ])) {
      const { firstIds, threads, descriptors, bytes, burstBytes, reopenedThreads, reopenedDescriptors } =
        await openMany(url, MANY, 1000)
      const isMongo = kind === 'MongoDB'
      rows.push(
        {
          what: `${kind}: first ids of ${MANY}`,
          value: firstIds,
          unit: 'ms',
          ...(isMongo && { ratio: firstIds / driver, than: 'as many upserts of the driver' }),
          goal: isMongo ? 'at most 1.5 ×' : `at most ${limit}`,
          met: firstIds <= limit,
        },
        { what: `${kind}: threads more than with one`, value: threads, unit: '', goal: 'at most 3', met: threads <= 3 },
        {
          what: `${kind}: descriptors more than with one`,
          value: descriptors,
          unit: '',
          // The driver's default for connections is 100.
          goal: `at most ${isMongo ? 100 : 10}`,
          met: descriptors <= (isMongo ? 100 : 10),
        },
        { what: `${kind}: resident memory of each, right after the burst`, value: burstBytes / 1024, unit: 'KB' },
        {
          what: `${kind}: resident memory of each`,
          value: bytes / 1024,
          unit: 'KB',
          goal: 'at most 4',
          met: bytes <= 4096,
        },
        {
          what: `${kind}: descriptors after 1 000 stores`,
          value: reopenedDescriptors,
          unit: 'more',
          goal: 'at most 5',
          met: reopenedDescriptors <= 5,
        },
        {
          what: `${kind}: threads after 1 000 stores`,
          value: reopenedThreads,
          unit: 'more',
          goal: 'none',
          met: reopenedThreads <= 0,
        },
      )
      if (isMongo) continue
      const { firstIds: tenTimes } = await openMany(
        kind === 'memory' ? url : `sqlite:${join(folder, 'more.db')}`,
        10 * MANY,
      )
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
