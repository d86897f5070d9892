/**
 * SQL in a process of its own, by another copy of SQLite: to open the file in the test's process
 * would be another test.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { DEVTOOLS } from './ids.mjs'

const open = "const db = new (require('libsql'))(process.argv[1], { timeout: 20_000 });"

/**
 * The rows of one statement, as arrays.
 * @param {string} file
 * @param {string} statement
 * @returns {any[][]}
 */
export function sql(file, statement) {
  const code = `${open}
    const prepared = db.prepare(process.argv[2])
    console.log(JSON.stringify(prepared.reader ? prepared.raw().all() : (prepared.run(), [])))`
  return JSON.parse(execFileSync(process.execPath, ['-e', code, file, statement], { cwd: DEVTOOLS, encoding: 'utf8' }))
}

/**
 * Locks a file against all others.
 * @param {import('node:test').TestContext} t ends the process that holds it, at the latest
 * @param {string} file
 * @returns {Promise<() => Promise<void>>} lets it go
 */
export async function holdLock(t, file) {
  const code = `${open}
    db.exec('BEGIN EXCLUSIVE')
    console.log('held')
    process.stdin.once('end', () => db.exec('COMMIT')).resume()`
  const holder = spawn(process.execPath, ['-e', code, file], { cwd: DEVTOOLS, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => holder.kill())
  const ended = once(holder, 'close')
  // Should it end without the lock, nothing would keep this process waiting for it.
  const told = await Promise.race([once(holder.stdout, 'data'), ended])
  if (`${told[0]}`.trim() !== 'held') throw new Error(`no lock: the process that was to hold it ended with ${told}`)
  return async () => {
    holder.stdin.end()
    await ended
  }
}
