'use strict'

const { readdir, rename, rm } = require('node:fs/promises')
const path = require('node:path')

/**
 * Puts a new add-on in the place of an old one, which processes may have loaded: they keep the old
 * one.
 * @param {string} from in the same folder
 * @param {string} to
 */
async function replace(from, to) {
  if (process.platform === 'win32') await setAside(to)
  await rename(from, to)
}

/**
 * Windows renames a library that is loaded, but neither overwrites nor removes it.
 * @param {string} file
 */
async function setAside(file) {
  const folder = path.dirname(file)
  const prefix = `${path.basename(file)}.old-`
  await rename(file, `${path.join(folder, prefix)}${process.pid}.tmp`).catch(unless('ENOENT'))
  for (const name of await readdir(folder)) {
    // One that is loaded still is removed by a later build.
    if (name.startsWith(prefix)) await rm(path.join(folder, name)).catch(unless('EPERM', 'EBUSY', 'EACCES'))
  }
}

/**
 * Throws an error that has none of these codes.
 * @param {string[]} codes
 */
function unless(...codes) {
  return (/** @type {NodeJS.ErrnoException} */ error) => {
    if (error.code === undefined || !codes.includes(error.code)) throw error
  }
}

module.exports = { replace }
