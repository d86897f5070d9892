/** Programs that are on this system, and where those are that were fetched. */

import { access, constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'

/** @param {string} name */
export function cacheFolder(name) {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'texample', name)
}

/** @param {string} file */
export function isExecutable(file) {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/**
 * The first of these programs that is on the PATH.
 * @param {...string} names
 */
export async function onPath(...names) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  for (const file of names.flatMap((name) => folders.map((folder) => path.join(folder, name)))) {
    if (await isExecutable(file)) return file
  }
}
