/** Programs that are on this system. */

import { access, constants } from 'node:fs/promises'
import path from 'node:path'

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
