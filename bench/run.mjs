/**
 * `npm run bench -- NAME …`: installs the peers, builds the add-on, and runs bench/NAME.mjs; without a name, all of them.
 * What follows a second `--` goes to the benchmark.
 *
 * Each writes its numbers as JSON lines to the file that BENCH_JSON names (default target/bench.jsonl):
 * `{ bench, what, value, unit, ratio?, than?, goal?, met? }`. They are shown in one table at the end.
 */

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { build } from '../scripts/build.mjs'
import { Failure, main, must, root } from '../scripts/command.mjs'
import { install } from '../scripts/install.mjs'

const folder = path.join(root, 'bench')
const numbers = path.resolve(process.env.BENCH_JSON || path.join(root, 'target', 'bench.jsonl'))

await main(async () => {
  const known = readdirSync(folder)
    .filter((name) => name.endsWith('.mjs') && name !== 'run.mjs')
    .map((name) => path.parse(name).name)
  const split = process.argv.indexOf('--')
  const named = process.argv.slice(2, split === -1 ? undefined : split)
  const unknown = named.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Failure(`no benchmark "${unknown.join('", "')}"; there are: ${known.join(', ')}`)

  await build()
  await install(folder)
  rmSync(numbers, { force: true })
  const args = split === -1 ? [] : process.argv.slice(split + 1)
  for (const name of named.length > 0 ? named : known) {
    console.log(`\n== ${name}`)
    await must(process.execPath, [path.join(folder, `${name}.mjs`), ...args], { env: { BENCH_JSON: numbers } })
  }
  if (existsSync(numbers)) showTable()
})

/** All that was measured, in one table. */
function showTable() {
  const rows = readFileSync(numbers, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ what }) => what !== undefined)
    .map(({ bench, what, value, unit, ratio, than, goal, met }) => [
      bench ?? '',
      what,
      `${Number(Number(value).toPrecision(4)).toLocaleString('en')} ${unit}`,
      ratio === undefined ? '' : `${ratio.toPrecision(3)} ×${than === undefined ? '' : ` ${than}`}`,
      goal === undefined ? '' : `${goal}: ${met ? 'met' : 'MISSED'}`,
    ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column].length)))
  console.log('\n== all')
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  console.log(`\nThe same as JSON lines: ${path.relative(process.cwd(), numbers)}`)
}
