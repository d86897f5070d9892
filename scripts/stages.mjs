/** What each test file needs, and which of them run on every system. */

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './command.mjs'

/** Test files without `.test.mjs` that need more than Node.js, the add-on and the packages of node_modules. */
const notPortable = {
  'example-follow': 'builds an add-on',
  'ids-replica-set': 'starts and stops the members of a replica set',
  workflow: 'runs the shell scripts of the workflow',
}

/**
 * @typedef {object} TestFile
 * @property {string} name such as `ids`
 * @property {string} file its path in the checkout
 * @property {'add-on' | 'mongodb' | 'browser'} stage
 */

/** @returns {TestFile[]} the files of __test__, by name */
export function testFiles() {
  return readdirSync(path.join(root, '__test__'))
    .filter((name) => name.endsWith('.test.mjs'))
    .sort()
    .map((name) => {
      const file = path.join('__test__', name)
      return { name: name.slice(0, -'.test.mjs'.length), file, stage: stageOf(path.join(root, file)) }
    })
}

/**
 * The files that run on every system; those of the stage `mongodb` where a server is at hand.
 * @param {{ mongodb: boolean }} options
 */
export function portableTestFiles({ mongodb }) {
  return testFiles().filter(
    ({ name, stage }) => !(name in notPortable) && (stage === 'add-on' || (stage === 'mongodb' && mongodb)),
  )
}

/** Read from what a file imports. */
function stageOf(file) {
  const source = readFileSync(file, 'utf8')
  if (/devtools\/(chromium|browsers?)\.mjs/.test(source)) return 'browser'
  if (/devtools\/(mongod|mongo)\.mjs/.test(source)) return 'mongodb'
  return 'add-on'
}
