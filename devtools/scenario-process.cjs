'use strict'

/** What the files of scenarios share: waiting, worker threads, and the choice of a scenario. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition) {
  for (let i = 0; i < 4000 && !condition(); i++) await sleep(5)
  assert.ok(condition(), `not within 20 s: ${condition}`)
}

/** Resolves to the exit code of a worker or a child process. */
const exitOf = async (started) => (await once(started, 'exit'))[0]

/**
 * Runs `body`, a function that sees the scope of `run` and no other, in a worker of a file of
 * scenarios; resolves when it says that it is up.
 * @param {string} file
 * @param {() => void} body
 */
async function startWorker(file, body) {
  const made = new Worker(file, { argv: ['(worker)'], workerData: `(${body})` })
  await once(made, 'message')
  return made
}

/**
 * Runs the scenario that the command line names, or the body of a worker.
 * @param {NodeJS.Module} file the file of scenarios; one that was only required runs nothing
 * @param {Record<string, any>} scenarios
 * @param {Record<string, any>} scope what a worker's body has by name, beside `parentPort`
 */
function run(file, scenarios, scope) {
  if (!isMainThread) {
    const names = { parentPort, ...scope }
    new Function(...Object.keys(names), `return ${workerData}()`)(...Object.values(names))
  } else if (require.main === file) {
    const scenario = scenarios[process.argv[2]]
    if (scenario === undefined) throw new Error(`no scenario "${process.argv[2]}"`)
    Promise.resolve((scenario.run ?? scenario)()).catch((error) => {
      console.error(error)
      process.exit(99)
    })
  }
}

module.exports = { exitOf, run, sleep, startWorker, until }
