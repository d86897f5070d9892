/** Folders of tests, outside of the checkout. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'

/** A new folder, removed after the file, the suite or the test that makes it; not for hooks. */
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'texample-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
