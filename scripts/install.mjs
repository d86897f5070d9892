/** Installs what package-lock.json names, when node_modules holds something else. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { must, root, run } from './command.mjs'

/**
 * @param {string} [folder]
 * @param {string[]} [system] npm's flags for another system than this one
 */
export async function install(folder = root, system = []) {
  if (isInstalled(folder)) return
  console.log(`Installing the packages of ${path.join(path.relative(root, folder), 'package-lock.json')} …`)
  const flags = ['--prefix', folder, '--no-audit', '--no-fund', ...system]
  const { code } = await run('npm', ['ci', ...flags])
  if (code === 0) return
  // `npm ci` gives up on a lock file that lacks a package of some other platform, as one made
  // against a mirror may; `npm install` keeps to the versions that are locked all the same.
  await must('npm', ['install', '--no-save', ...flags])
}

/**
 * Whether each package is there in the locked version. npm leaves out optional ones of
 * other platforms, so those may be missing. Times of files say nothing after a checkout.
 */
function isInstalled(folder) {
  const installed = packagesOf(path.join(folder, 'node_modules', '.package-lock.json'))
  if (installed === undefined) return false
  const locked = packagesOf(path.join(folder, 'package-lock.json'))
  return Object.entries(locked).every(([where, { version, optional, devOptional, peer }]) => {
    if (where === '' || !where.includes('node_modules/')) return true
    const found = installed[where]
    return found === undefined ? Boolean(optional || devOptional || peer) : found.version === version
  })
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
