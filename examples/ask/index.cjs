'use strict'

/**
 * Ranks the lines of a file by a script: `node examples/ask/index.cjs SCRIPT FILE`.
 * The script is a module that exports a function: a line in, a number or a promise of one out.
 * Build it first: `node examples/build.mjs ask`.
 */

const { readFileSync } = require('node:fs')
const { availableParallelism } = require('node:os')
const path = require('node:path')
const { Host } = require('./ask.node')

/**
 * Has native threads rank `inputs` by what `script` makes of each.
 * @param {string[]} inputs
 * @param {(input: string) => number | Promise<number>} script
 * @param {{ threads?: number, signal?: AbortSignal }} [options]
 * @returns {Promise<{ input: string, score?: number, place?: number, error?: string }[]>} in the
 *   order in which they were ready
 */
async function rank(inputs, script, { threads = availableParallelism(), signal } = {}) {
  signal?.throwIfAborted()
  const results = []
  const host = new Host(script, inputs, threads, (result) => void results.push(result))
  const stop = () => host.stop()
  signal?.addEventListener('abort', stop, { once: true })
  await host.done()
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  return results
}

module.exports = { rank }

if (require.main === module) {
  const [script, file] = process.argv.slice(2)
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  rank(lines, require(path.resolve(script))).then((results) => {
    for (const { input, score } of results.filter(({ error }) => !error).sort((a, b) => b.score - a.score))
      console.log(score, input)
    for (const { input, error } of results.filter(({ error }) => error)) console.log(error, input)
  })
}
