/**
 * Ids, beside what people use instead: `npm run bench -- ids`, or some parts of it:
 * `npm run bench -- ids -- hot paced`.
 *
 * Each number stands beside a peer that was measured in the same run, on the same machine and the
 * same replica set of three members, with write concern majority.
 */

import { chosen, main } from '../scripts/command.mjs'
import { report } from './report.mjs'

const parts = [
  ...['hot', 'serial', 'burst', 'paced', 'cost', 'contention', 'many', 'distance', 'document', 'scale', 'election'],
]

await main(async () => {
  for (const part of chosen('part', process.argv.slice(2), parts)) {
    const { run } = await import(`./ids/${part}.mjs`)
    report(`ids/${part}`, await run())
  }
})
process.exit()
