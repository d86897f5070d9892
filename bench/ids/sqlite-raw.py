"""Claims flat out on a SQLite file with SQLite's own busy timeout, and prints how long each claim took: `python3 sqlite-raw.py FILE MS`."""

import json
import sqlite3
import sys
import time

db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute('CREATE TABLE IF NOT EXISTS ids (_id TEXT PRIMARY KEY NOT NULL, "index" INTEGER NOT NULL) STRICT')
db.execute("INSERT OR IGNORE INTO ids VALUES ('bench', 1000)")
durations = []
end = time.perf_counter() + float(sys.argv[2]) / 1000
while (begun := time.perf_counter()) < end:
    db.execute("BEGIN IMMEDIATE")
    db.execute("""UPDATE ids SET "index" = "index" + 1 WHERE _id = 'bench' RETURNING "index" """).fetchall()
    db.execute("COMMIT")
    durations.append((time.perf_counter() - begun) * 1000)
print(json.dumps(durations[20:]))
