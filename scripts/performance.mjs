/**
 * `node scripts/performance.mjs [FILE …]`: writes the tables of docs/performance.md from what
 * `npm run bench` has measured, `target/bench.jsonl`. Where several files have the same part, the
 * last one counts. What stands above the marker in the page is kept.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { commandLine, Failure, main, root } from './command.mjs'

const page = path.join(root, 'docs', 'performance.md')
const MARKER = '<!-- The rest is made by `node scripts/performance.mjs`. -->'
/**
 * Rows that share the end of their name, such as a size, stand beside each other from so many on.
 */
const MANY = 3

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
  const { words } = commandLine()
  const files = words.length > 0 ? words : [path.join(root, 'target', 'bench.jsonl')]
  const [introduction, after] = readFileSync(page, 'utf8').split(MARKER)
  if (after === undefined) throw new Failure(`${page} has no line ${MARKER}`)
  const parts = new Map(files.flatMap(partsOf))
  const sections = [...parts].map(([name, { machine, rows }]) => section(name, machine, rows))
  writeFileSync(page, `${introduction}${MARKER}\n\n${sections.join('\n')}`)
  console.log(`${path.relative(process.cwd(), page)}: ${parts.size} parts`)
})

function partsOf(file) {
  if (!existsSync(file)) throw new Failure(`${file} is missing: "npm run bench" writes it`)
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const [machine, ...rows] = lines.map((line) => JSON.parse(line))
  return [...groups(rows, ({ bench }) => bench)].map(([name, own]) => [name, { machine, rows: own }])
}

function section(name, { at, node, system, cpu = 'unknown processor', cpus }, rows) {
  const where = [at.slice(0, 10), `Node.js ${node}`, system, `${cpus} × ${cpu}`]
  const bySize = groups(rows, sizeOf)
  const isWide = (row) => row.ratio === undefined && sizeOf(row) !== '' && bySize.get(sizeOf(row)).length >= MANY
  const wide = groups(rows.filter(isWide), ({ unit }) => unit)
  const rest = rows.filter((row) => !isWide(row))
  const tables = [...[...wide].map(sideBySide), ...(rest.length > 0 ? [list(rest)] : [])]
  return `## ${name.replace('/', ': ')}\n\n${where.join(', ')}.\n\n${tables.join('\n')}`
}

/** What a row named `WHAT, SIZE` has behind its last comma. */
function sizeOf({ what }) {
  return what.includes(', ') ? what.slice(what.lastIndexOf(', ') + 2) : ''
}

/** Rows named `WHAT, SIZE`, as a table with a column for each size. */
function sideBySide([unit, rows]) {
  const sizes = [...groups(rows, sizeOf).keys()]
  const byName = groups(rows, (row) => row.what.slice(0, -sizeOf(row).length - 2))
  const cell = (row) =>
    row === undefined ? '' : number(row.value) + (row.goal === undefined ? '' : ` (${verdict(row)})`)
  const body = [...byName].map(([name, own]) => [
    name,
    ...sizes.map((size) => cell(own.find((row) => sizeOf(row) === size))),
  ])
  return table([unit, ...sizes], body)
}

/**
 * @template T
 * @param {T[]} rows
 * @param {(row: T) => string} key
 * @returns {Map<string, T[]>}
 */
function groups(rows, key) {
  const found = new Map()
  for (const row of rows) found.set(key(row), [...(found.get(key(row)) ?? []), row])
  return found
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
  const isUsed = (_, column) => column < 2 || body.some((cells) => cells[column] !== '')
  return table(
    head.filter(isUsed),
    body.map((cells) => cells.filter(isUsed)),
  )
}

function verdict({ goal, met }) {
  return met === false ? `${goal}: missed` : goal
}

function number(value) {
  return value >= 100
    ? Math.round(value).toLocaleString('en').replaceAll(',', ' ')
    : String(Number(value.toPrecision(3)))
}

function table(head, body) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [head, head.map(() => '---'), ...body].map(line).join('')
}
