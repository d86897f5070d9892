/** Claims from a SQLite file with SQLite's own busy timeout. */

import Database from 'better-sqlite3'

/** @param {string} file */
export function openDatabase(file) {
  const database = new Database(file, { timeout: 60_000 })
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS ids (_id TEXT PRIMARY KEY NOT NULL, "index" INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO ids VALUES ('bench', 1000)`)
  return database
}

/** @param {string} file */
export function claimRaw(file) {
  const database = openDatabase(file)
  const claim = database.prepare(`UPDATE ids SET "index" = "index" + 1 WHERE _id = 'bench' RETURNING "index"`)
  return database.transaction(() => claim.all()).immediate
}
