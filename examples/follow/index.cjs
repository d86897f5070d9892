'use strict'

/**
 * Prints the lines that are appended to a file: `node examples/follow/index.cjs FILE`.
 * Build it first: `node examples/build.mjs follow`.
 */

const { Follower } = require('./follow.node')

/**
 * Calls `onLines` with arrays of new lines of `file` until the function that it returns is called.
 * @param {string} file
 * @param {(lines: string[]) => void} onLines
 */
function follow(file, onLines) {
  const follower = new Follower(file, onLines)
  return () => follower.stop()
}

module.exports = { follow }

if (require.main === module) {
  const [file] = process.argv.slice(2)
  const stop = follow(file, (lines) => console.log(lines.join('\n')))
  process.once('SIGINT', stop)
}
