/** The thread on which the original algorithm asks SQLite: each claim is answered with the index after it. */

import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'

const { file, name, step } = workerData
const database = new Database(file, { timeout: 5000 })
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS ids (_id TEXT PRIMARY KEY, "index" INTEGER NOT NULL)`)
database.prepare('INSERT OR IGNORE INTO ids VALUES (?, 1000)').run(name)
const claim = database.prepare('UPDATE ids SET "index" = "index" + ? WHERE _id = ? RETURNING "index"')

parentPort.on('message', (request) => {
  if (request === 'claim') return parentPort.postMessage(claim.get(step, name).index)
  database.close()
  parentPort.close()
})
