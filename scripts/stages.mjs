/** What each test file needs, and which of them run on every system. */

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './command.mjs'

/**
 * Test files without `.test.mjs` that need more than Node.js, the add-on and the packages of
 * node_modules.
 */
const notPortable = {
  bridge: 'builds an add-on',
  'bridge-ask': 'builds an add-on',
  'bridge-docs': 'builds an add-on',
  'bridge-lifecycle': 'builds an add-on',
  'example-ask': 'builds an add-on',
  'example-follow': 'builds an add-on',
  'example-serial': 'builds an add-on',
  'ids-many': 'counts threads and files in /proc',
  workflow: 'runs the shell scripts of the workflow',
}

/**
 * @typedef {object} TestFile
 * @property {string} name such as `ids`
 * @property {string} file its path in the checkout
 * @property {'add-on' | 'mongodb' | 'browser'} stage
 * @property {boolean} isReplicaSet whether it starts the members of a replica set, and stops some
 *   of them
 */

/**
 * @param {string} [folder]
 * @returns {TestFile[]} the files of that folder, by name
 */
export function testFiles(folder = '__test__') {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.test.mjs'))
    .sort()
    .map((name) => {
      const file = path.join(folder, name)
      return { name: name.slice(0, -'.test.mjs'.length), file, ...needsOf(path.join(root, file)) }
    })
}

/**
 * The files that run on every system, and those for that platform alone.
 * @param {{ platform: string, mongodb: boolean }} options `mongodb`: whether a server is at hand
 */
export function portableTestFiles({ platform, mongodb }) {
  const all = [...testFiles(), ...(platform === 'win32' ? testFiles(path.join('__test__', 'windows')) : [])]
  const isReachable = ({ stage, isReplicaSet }) =>
    stage === 'add-on' || (stage === 'mongodb' && mongodb && !isReplicaSet)
  return all.filter((file) => !(file.name in notPortable) && isReachable(file))
}

/** Read from what a file imports. */
function needsOf(file) {
  const source = readFileSync(file, 'utf8')
  const isReplicaSet = /\bstartReplicaSet\b/.test(source)
  if (/devtools\/chromium\.mjs/.test(source)) return { stage: 'browser', isReplicaSet }
  if (/devtools\/mongod\.mjs/.test(source)) return { stage: 'mongodb', isReplicaSet }
  return { stage: 'add-on', isReplicaSet }
}
