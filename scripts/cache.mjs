/** Where tools that are fetched once are kept, for all checkouts of this user. */

import { homedir } from 'node:os'
import path from 'node:path'

export function cacheFolder(name) {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'texample', name)
}
