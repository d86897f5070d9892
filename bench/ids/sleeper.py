"""
Sleeps 0.2 ms over and over, and prints how much longer each sleep took that began from one time to another:
`python3 sleeper.py - FROM TO UNTIL`, in milliseconds since 1970.
"""

import json
import sys
import time

start, to, _ = [float(ms) / 1000 for ms in sys.argv[2:]]
late = []
while (now := time.time()) < to:
    begun = time.perf_counter()
    time.sleep(0.0002)
    if now >= start:
        late.append((time.perf_counter() - begun) * 1000 - 0.2)
print(json.dumps(late))
