'use strict'

/**
 * Draws ids in this process and in worker threads, and writes them to a file, in the order in which each caller got
 * them: `node ids-draw.cjs '{ "url": …, "name": …, "count": …, "file": … }'`. A test reads the files of many.
 */

const { once } = require('node:events')
const { openSync, writeSync, closeSync } = require('node:fs')
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads')
const { openSequence } = require('../../js/index.cjs')

/** @param {any} job */
async function draw({ url, name, count, callers = 4, file, thread = 0, close = true, options = {} }) {
  const sequence = openSequence(name, { url, ...options })
  const written = openSync(`${file}.${thread}`, 'w')
  let left = count
  await Promise.all(
    Array.from({ length: callers }, async () => {
      // Each caller in chunks of its own, so that its order can be read back; NaN ends a chunk.
      const ids = []
      while (left-- > 0) {
        ids.push(await sequence.nextId())
        if (ids.length === 500) writeSync(written, new Float64Array([...ids.splice(0), Number.NaN]))
        // Lets the others in, as real work between two ids would.
        if (ids.length % 50 === 0) await new Promise(setImmediate)
      }
      writeSync(written, new Float64Array([...ids, Number.NaN]))
    }),
  )
  closeSync(written)
  const stats = sequence.stats()
  if (close) await sequence.close()
  return stats
}

async function main() {
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
