/**
 * Tools that are fetched once, into a folder for all checkouts of this user: those that npm has for
 * one system only, and those that it does not have.
 */

import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { cacheFolder } from '../devtools/executables.mjs'
import { must } from './command.mjs'

/**
 * A folder of the cache, filled the first time: as a whole or not at all.
 * @param {string} name
 * @param {(next: string) => Promise<unknown>} fill gets the folder that is renamed when it is
 *   complete
 */
export async function cached(name, fill) {
  const folder = cacheFolder(name)
  if (existsSync(folder)) return folder
  console.error(`Fetching ${name} …`)
  const next = `${folder}.${process.pid}`
  await rm(next, { recursive: true, force: true })
  await mkdir(next, { recursive: true })
  try {
    await fill(next)
    await rename(next, folder)
  } catch (error) {
    await rm(next, { recursive: true, force: true })
    // Another process may have been quicker.
    if (!existsSync(folder)) throw error
  }
  return folder
}

/**
 * A folder of the cache with packages of pip, programs in `bin`.
 * @param {...string} packages each as `NAME==VERSION`
 */
export function pipCached(...packages) {
  return cached(packages.join('-').replaceAll('==', '-'), (next) => pipInstall(next, ...packages))
}

/**
 * @param {string} folder
 * @param {...string} packages
 */
export function pipInstall(folder, ...packages) {
  return pip('install', '--root-user-action=ignore', '--target', folder, ...packages)
}

/**
 * Runs pip, which has programs for every system, without what they depend on.
 * @param {string} command
 * @param {...string} args
 */
export function pip(command, ...args) {
  const quiet = ['--quiet', '--disable-pip-version-check']
  return must('python3', ['-m', 'pip', command, ...quiet, '--no-deps', '--only-binary=:all:', ...args])
}
