/**
 * The thread on which the original algorithm asks SQLite: each claim is answered with the index
 * after it.
 */

import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'

const { file, name, step } = workerData
const database = new Database(file, { timeout: 5000 })

/** SQLite does not wait to switch a file to WAL, so the second process tries again. */
function setUp(triesLeft = 500) {
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS ids (_id TEXT PRIMARY KEY, "index" INTEGER NOT NULL)`)
  } catch (error) {
    if (!/locked|BUSY/.test(`${error.code} ${error.message}`) || triesLeft === 0) throw error
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    setUp(triesLeft - 1)
  }
}

setUp()
database.prepare('INSERT OR IGNORE INTO ids VALUES (?, 1000)').run(name)
const claim = database.prepare('UPDATE ids SET "index" = "index" + ? WHERE _id = ? RETURNING "index"')

parentPort.on('message', (request) => {
  if (request === 'close') {
    database.close()
    return parentPort.close()
  }
  try {
    parentPort.postMessage({ index: claim.get(step, name).index })
  } catch (error) {
    parentPort.postMessage({ error: error.message })
  }
})
