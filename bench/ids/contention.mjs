/**
 * 24 processes that claim flat out on one SQLite file, beside as many with SQLite's own busy
 * timeout.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quantile } from '../report.mjs'
import { printed } from './server.mjs'
import { openDatabase } from './sqlite-raw.mjs'

const PROCESSES = 24
const MS = 10_000
/** Until all have started, and after: all claim for longer than is measured. */
const BEFORE = 6000
const AFTER = 500

/**
 * The durations of all claims, by process.
 * @param {'texample' | 'busy timeout'} way
 * @param {number} count
 * @param {string} file
 * @returns {Promise<{ durations: number[], failures: number }[]>}
 */
function claims(way, count, file) {
  const from = Date.now() + BEFORE
  const times = [from, from + MS, from + MS + AFTER].map(String)
  const script = fileURLToPath(new URL('./sqlite-claimer.mjs', import.meta.url))
  return Promise.all(Array.from({ length: count }, () => printed(process.execPath, [script, way, file, ...times])))
}

/** Not spread into Math.max: there may be more than a call has room for. */
const worstOf = (/** @type {number[]} */ values) => values.reduce((worst, value) => Math.max(worst, value), 0)

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'texample-bench-'))
  try {
    const ours = await claims('texample', PROCESSES, join(folder, 'ours.db'))
    // Made by one: the switch of a file to WAL is not waited for.
    openDatabase(join(folder, 'raw.db')).close()
    const raw = await claims('busy timeout', PROCESSES, join(folder, 'raw.db'))
    const failures = ours.reduce((sum, one) => sum + one.failures, 0)
    const all = ours.flatMap((one) => one.durations)
    const peers = raw.flatMap((one) => one.durations)
    const worst = worstOf(all)
    const mean = all.length / PROCESSES
    const least = Math.min(...ours.map((one) => one.durations.length)) / mean
    const leastOfPeers = Math.min(...raw.map((one) => one.durations.length)) / (peers.length / PROCESSES)
    const than = 'with busy_timeout'
    return [
      {
        what: `${PROCESSES} processes, ${MS / 1000} s: claims`,
        value: all.length,
        unit: 'claims',
        ratio: all.length / peers.length,
        than,
      },
      { what: 'failed claims', value: failures, unit: 'claims', goal: 'none', met: failures === 0 },
      {
        what: 'p99.9',
        value: quantile(all, 0.999),
        unit: 'ms',
        ratio: quantile(all, 0.999) / quantile(peers, 0.999),
        than,
      },
      {
        what: 'the worst',
        value: worst,
        unit: 'ms',
        ratio: worst / worstOf(peers),
        than,
        goal: 'less than 2000',
        met: worst < 2000,
      },
      {
        what: 'the process with the fewest',
        value: least,
        unit: 'of mean',
        ratio: least / leastOfPeers,
        than,
        goal: 'at least 1/3',
        met: least >= 1 / 3,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
