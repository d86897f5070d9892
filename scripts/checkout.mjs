/** The files of this checkout. */

import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { must, root } from './command.mjs'

/** The names of what Git has, and of new files. */
export async function checkoutFiles() {
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { capture: true })
  // A file that was removed is listed until that is committed, one in conflict several times.
  return [...new Set(listed.split('\0'))].filter((name) => name !== '' && existsSync(path.join(root, name)))
}

/** @param {string} folder gets a copy, with the changes that are not committed */
export async function copyCheckout(folder) {
  for (const name of await checkoutFiles()) await cp(path.join(root, name), path.join(folder, name))
}
