"""
Claims flat out on a SQLite file with SQLite's own busy timeout, and prints how long each claim took that began from
one time to another: `python3 sqlite-raw.py FILE FROM TO UNTIL`, in milliseconds since 1970.
"""

import json
import sqlite3
import sys
import time

db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute('CREATE TABLE IF NOT EXISTS ids (_id TEXT PRIMARY KEY NOT NULL, "index" INTEGER NOT NULL) STRICT')
db.execute("INSERT OR IGNORE INTO ids VALUES ('bench', 1000)")
start, to, until = [float(ms) / 1000 for ms in sys.argv[2:]]
durations = []
while (now := time.time()) < until:
    begun = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.execute("""UPDATE ids SET "index" = "index" + 1 WHERE _id = 'bench' RETURNING "index" """).fetchall()
    db.execute("COMMIT")
    if start <= now < to:
        durations.append((time.perf_counter() - begun) * 1000)
print(json.dumps({"durations": durations, "failures": 0}))
