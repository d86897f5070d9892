/** A copy of this checkout. */

import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { must, root } from './command.mjs'

/**
 * Copies what Git has, with the changes that are not committed, and new files.
 * @param {string} folder
 */
export async function copyCheckout(folder) {
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { capture: true })
  for (const name of new Set(listed.split('\0'))) {
    // A file that was removed is listed until that is committed.
    if (name !== '' && existsSync(path.join(root, name))) await cp(path.join(root, name), path.join(folder, name))
  }
}
