"""Sleeps 0.2 ms over and over, and prints how much longer each sleep took: `python3 sleeper.py - MS`."""

import json
import sys
import time

late = []
end = time.perf_counter() + float(sys.argv[2]) / 1000
while (begun := time.perf_counter()) < end:
    time.sleep(0.0002)
    late.append((time.perf_counter() - begun) * 1000 - 0.2)
print(json.dumps(late))
