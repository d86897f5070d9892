/**
 * `npm run bench -- NAME …`: installs the peers, builds the add-on, and runs bench/NAME.mjs;
 * without a name, all of them. What follows a second `--` goes to the benchmark.
 *
 * Each writes its numbers as JSON lines to the file that BENCH_JSON names (default
 * target/bench.jsonl), below a first line about the machine:
 * `{ bench, what, value, unit, ratio?, than?, goal?, met? }`. They are shown in one table at the
 * end.
 */

import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, type } from 'node:os'
import path from 'node:path'
import { build } from '../scripts/build.mjs'
import { Failure, main, root, run } from '../scripts/command.mjs'
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
  mkdirSync(path.dirname(numbers), { recursive: true })
  writeFileSync(numbers, `${JSON.stringify(machine())}\n`)
  const args = split === -1 ? [] : process.argv.slice(split + 1)
  const failed = []
  for (const name of named.length > 0 ? named : known) {
    console.log(`\n== ${name}`)
    const own = `${numbers}.${name}`
    rmSync(own, { force: true })
    const { code } = await run(process.execPath, [path.join(folder, `${name}.mjs`), ...args], {
      env: { BENCH_JSON: own },
    })
    if (code !== 0) failed.push(name)
    if (!existsSync(own)) continue
    for (const row of readRows(own)) appendFileSync(numbers, `${JSON.stringify({ bench: name, ...row })}\n`)
    rmSync(own)
  }
  showTable()
  if (failed.length > 0) throw new Failure(`failed: ${failed.join(', ')}; the numbers of what ran are above`)
})

function machine() {
  const { node, v8 } = process.versions
  return {
    at: new Date().toISOString(),
    node,
    v8,
    system: `${type()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model,
    cpus: cpus().length,
  }
}

function readRows(file) {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}

/** All that was measured, in one table. */
function showTable() {
  const rows = readRows(numbers)
    .filter(({ what }) => what !== undefined)
    .map(({ bench, what, value, unit, ratio, than, goal, met }) => [
      bench ?? '',
      what,
      `${Number(Number(value).toPrecision(4)).toLocaleString('en')} ${unit}`,
      ratio === undefined ? '' : `${ratio.toPrecision(3)} ×${than === undefined ? '' : ` ${than}`}`,
      goal === undefined ? '' : `${goal}: ${met ? 'met' : 'MISSED'}`,
    ])
  if (rows.length === 0) return
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
