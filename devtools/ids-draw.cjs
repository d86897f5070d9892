'use strict'

/**
 * Draws ids in this process and in worker threads, and writes them to a file, in the order in which
 * each caller got them: `node ids-draw.cjs '{ "url": …, "name": …, "count": …, "file": … }'`. A
 * test reads the files of many.
 */

const { once } = require('node:events')
const { openSync, writeSync, closeSync } = require('node:fs')
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads')
const { openSequence } = require('../js/index.cjs')

/** Set by SIGTERM: time to stop, and to tell. */
let stopping = false

/** @param {any} job `pause`: milliseconds between the ids of a caller */
async function draw({ url, name, count, callers = 4, file, thread = 0, close = true, pause = 0, options = {} }) {
  const sequence = openSequence(name, { url, ...options })
  const written = openSync(`${file}.${thread}`, 'w')
  let left = count
  /** @type {string[]} */
  const failures = []
  await Promise.all(
    Array.from({ length: callers }, async () => {
      // Each caller writes chunks of its own, so that its order can be read back; NaN ends a chunk.
      const ids = []
      while (left-- > 0 && !stopping) {
        try {
          ids.push(await sequence.nextId())
        } catch (error) {
          failures.push(`${/** @type {any} */ (error).code} ${error} ${/** @type {any} */ (error).cause}`)
          break
        }
        if (ids.length === 500 || pause) writeSync(written, new Float64Array([...ids.splice(0), Number.NaN]))
        if (pause) await new Promise((resolve) => setTimeout(resolve, pause))
        // The other callers run, as during real work between two ids.
        else if (ids.length % 50 === 0) await new Promise(setImmediate)
      }
      writeSync(written, new Float64Array([...ids, Number.NaN]))
    }),
  )
  closeSync(written)
  const stats = sequence.stats()
  if (close) await sequence.close()
  return { ...stats, failures }
}

async function main() {
  process.on('SIGTERM', () => {
    stopping = true
  })
  const job = JSON.parse(process.argv[2])
  const workers = Array.from({ length: job.workers ?? 0 }, (_, i) => {
    return new Worker(__filename, { workerData: { ...job, thread: i + 1 } })
  })
  const done = await Promise.all([draw(job), ...workers.map(async (worker) => (await once(worker, 'message'))[0])])
  await Promise.all(workers.map((worker) => worker.terminate()))
  process.stdout.write(JSON.stringify(done))
}

if (isMainThread) main()
else draw(workerData).then((stats) => parentPort?.postMessage(stats))
