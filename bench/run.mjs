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
import { chosen, Failure, main, root, run } from '../scripts/command.mjs'
import { install } from '../scripts/install.mjs'
import { show } from './report.mjs'

const folder = path.join(root, 'bench')
const numbers = path.resolve(process.env.BENCH_JSON || path.join(root, 'target', 'bench.jsonl'))

await main(async () => {
  const known = readdirSync(folder)
    .filter((name) => name.endsWith('.mjs') && name !== 'run.mjs' && name !== 'report.mjs')
    .map((name) => path.parse(name).name)
  const split = process.argv.indexOf('--')
  const names = chosen('benchmark', process.argv.slice(2, split === -1 ? undefined : split), known)

  await build()
  await install(folder)
  mkdirSync(path.dirname(numbers), { recursive: true })
  writeFileSync(numbers, `${JSON.stringify(machine())}\n`)
  const args = split === -1 ? [] : process.argv.slice(split + 1)
  const failed = []
  for (const name of names) {
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
  show(
    'all',
    readRows(numbers)
      .slice(1)
      .map((row) => ({ ...row, what: `${row.bench}: ${row.what}` })),
  )
  console.log(`\nThe same as JSON lines: ${path.relative(process.cwd(), numbers)}`)
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
