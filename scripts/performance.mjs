/**
 * `node scripts/performance.mjs [FILE …]`: writes the tables of docs/performance.md from what
 * `npm run bench` has measured, `target/bench.jsonl`. Where several files have the same part, the
 * last one counts. What stands above the marker in the page is kept.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Failure, main, root } from './command.mjs'

const page = path.join(root, 'docs', 'performance.md')
const MARKER = '<!-- The rest is made by `node scripts/performance.mjs`. -->'
/**
 * Rows that share the end of their name, such as a size, stand beside each other from so many on.
 */
const MANY = 3

/**
 * @typedef {{ at: string, node: string, v8: string, system: string, cpu?: string, cpus: number }}
 * Machine
 */
/**
 * @typedef {object} Row
 * @property {string} bench
 * @property {string} what
 * @property {number} value
 * @property {string} unit
 * @property {number} [ratio]
 * @property {string} [than]
 * @property {string} [goal]
 * @property {boolean} [met]
 */

await main(async () => {
  const named = process.argv.slice(2)
  const files = named.length > 0 ? named : [path.join(root, 'target', 'bench.jsonl')]
  const [introduction, after] = readFileSync(page, 'utf8').split(MARKER)
  if (after === undefined) throw new Failure(`${page} has no line ${MARKER}`)
  /** @type {Map<string, { machine: Machine, rows: Row[] }>} */
  const parts = new Map()
  for (const file of files) for (const [name, part] of partsOf(file)) parts.set(name, part)
  const sections = [...parts].map(([name, { machine, rows }]) => section(name, machine, rows))
  writeFileSync(page, `${introduction}${MARKER}\n\n${sections.join('\n')}`)
  console.log(`${path.relative(process.cwd(), page)}: ${parts.size} parts`)
})

/**
 * @param {string} file
 * @returns {Map<string, { machine: Machine, rows: Row[] }>}
 */
function partsOf(file) {
  if (!existsSync(file)) throw new Failure(`${file} is missing: "npm run bench" writes it`)
  const [machine, ...rows] = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  return new Map([...groups(rows, ({ bench }) => bench)].map(([name, own]) => [name, { machine, rows: own }]))
}

/**
 * @param {string} name
 * @param {Machine} machine
 * @param {Row[]} rows
 */
function section(name, machine, rows) {
  const { at, node, system, cpu, cpus } = machine
  const where = [at.slice(0, 10), `Node.js ${node}`, system, `${cpus} × ${cpu ?? 'unknown processor'}`]
  const beside = sideBySide(rows)
  const rest = rows.filter((row) => !beside.rows.has(row))
  const tables = [...beside.tables, ...(rest.length > 0 ? [list(rest)] : [])]
  return `## ${name.replace('/', ': ')}\n\n${where.join(', ')}.\n\n${tables.join('\n')}`
}

/**
 * Rows named `WHAT, SIZE`, as tables with a column for each size; one for each unit.
 * @param {Row[]} rows
 */
function sideBySide(rows) {
  const bySize = groups(rows, ({ what }) => split(what).size)
  const wide = rows.filter(
    ({ what, ratio }) =>
      ratio === undefined && split(what).size !== '' && (bySize.get(split(what).size) ?? []).length >= MANY,
  )
  const tables = [...groups(wide, ({ unit }) => unit)].map(([unit, own]) => {
    const sizes = [...new Set(own.map(({ what }) => split(what).size))]
    const names = [...new Set(own.map(({ what }) => split(what).name))]
    return table(
      [unit, ...sizes],
      names.map((name) => [
        name,
        ...sizes.map((size) => {
          const row = own.find(({ what }) => what === `${name}, ${size}`)
          return row === undefined ? '' : `${number(row.value)}${row.goal === undefined ? '' : ` (${verdict(row)})`}`
        }),
      ]),
    )
  })
  return { tables, rows: new Set(wide) }
}

/**
 * @param {Row[]} rows
 * @param {(row: Row) => string} key
 */
function groups(rows, key) {
  /** @type {Map<string, Row[]>} */
  const found = new Map()
  for (const row of rows) found.set(key(row), [...(found.get(key(row)) ?? []), row])
  return found
}

/** @param {string} what */
function split(what) {
  const at = what.lastIndexOf(', ')
  return at === -1 ? { name: what, size: '' } : { name: what.slice(0, at), size: what.slice(at + 2) }
}

/** @param {Row[]} rows */
function list(rows) {
  const head = ['measured', 'value', 'ratio', 'goal']
  const body = rows.map((row) => [
    row.what,
    `${number(row.value)} ${row.unit}`.trim(),
    row.ratio === undefined ? '' : `${number(row.ratio)} × ${row.than ?? ''}`.trim(),
    row.goal === undefined ? '' : verdict(row),
  ])
  const used = head.map((_, column) => column < 2 || body.some((cells) => cells[column] !== ''))
  const pick = (/** @type {string[]} */ cells) => cells.filter((_, column) => used[column])
  return table(pick(head), body.map(pick))
}

/** @param {Row} row */
function verdict({ goal, met }) {
  return met === false ? `${goal}: missed` : `${goal}`
}

/** @param {number} value */
function number(value) {
  return value >= 100
    ? Math.round(value).toLocaleString('en').replaceAll(',', ' ')
    : String(Number(value.toPrecision(3)))
}

/**
 * @param {string[]} head
 * @param {string[][]} body
 */
function table(head, body) {
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('')
}
