/**
 * Ids, beside what people use instead: `npm run bench -- ids`, or some parts of it:
 * `npm run bench -- ids -- hot paced`.
 *
 * Each number stands beside a peer that was measured in the same run, on the same machine and the
 * same replica set of three members, with write concern majority.
 */

import { report } from './ids/report.mjs'

const parts = [
  'hot',
  'serial',
  'burst',
  'paced',
  'cost',
  'contention',
  'many',
  'distance',
  'document',
  'scale',
  'election',
]
const chosen = process.argv.slice(2)
const unknown = chosen.filter((part) => !parts.includes(part))
if (unknown.length > 0) throw new Error(`no part "${unknown.join('", "')}"; there are: ${parts.join(', ')}`)

for (const part of chosen.length > 0 ? chosen : parts) {
  const { run } = await import(`./ids/${part}.mjs`)
  report(part, await run())
}
process.exit()
