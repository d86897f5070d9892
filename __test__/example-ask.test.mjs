/** examples/ask: native threads run a function of JavaScript for each input. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from './support/folder.mjs'
import { block } from './support/threads.mjs'

const run = promisify(execFile)
const example = fileURLToPath(new URL('../examples/ask', import.meta.url))
const inputs = Array.from({ length: 500 }, (_, i) => `input ${i}`)

await run(process.execPath, [path.join(example, '..', 'build.mjs'), 'ask'])
const { rank } = createRequire(import.meta.url)(path.join(example, 'index.cjs'))

const score = (input) => Number(input.split(' ')[1])

for (const [name, script] of [
  ['values', score],
  ['promises', async (input) => score(input)],
]) {
  it(`each input is put to the script once: ${name}`, async () => {
    const asked = []
    const results = await rank(inputs, (input) => {
      asked.push(input)
      return script(input)
    })
    assert.deepEqual(asked.toSorted(), inputs.toSorted())
    assert.equal(results.length, inputs.length)
    for (const { input, score: given, place } of results) {
      assert.equal(given, score(input))
      assert.ok(place >= 0 && place < inputs.length)
    }
  })
}

it('an error of the script is the result of its input alone', async () => {
  const results = await rank(['good', 'bad', 'worse'], async (input) => {
    if (input === 'bad') throw new Error('no score')
    return input === 'worse' ? 'text' : 1
  })
  const errors = new Map(results.map(({ input, error }) => [input, error]))
  assert.equal(errors.get('good'), undefined)
  assert.equal(errors.get('bad'), 'no score')
  assert.match(errors.get('worse'), /string/i)
})

it('an abort ends it, with threads that wait for an answer', async () => {
  const signal = AbortSignal.timeout(20)
  await assert.rejects(
    rank(inputs, () => new Promise(() => {}), { threads: 4, signal }),
    { name: 'TimeoutError' },
  )
})

it('with a script that is slow the event loop turns', async () => {
  let turns = 0
  const counting = setInterval(() => turns++, 1)
  await rank(inputs.slice(0, 100), () => block(1) ?? 1, { threads: 4 })
  clearInterval(counting)
  assert.ok(turns > 10, `${turns} turns`)
})

it('as a program it prints the lines in order', async () => {
  const folder = temporaryFolder()
  const script = path.join(folder, 'script.cjs')
  const file = path.join(folder, 'lines.txt')
  await writeFile(
    script,
    'module.exports = async (line) => { if (line === "x") throw new Error("odd"); return line.length }',
  )
  await writeFile(file, 'aa\nx\naaaa\na\n')
  const { stdout } = await run(process.execPath, [path.join(example, 'index.cjs'), script, file], { timeout: 30_000 })
  assert.equal(stdout, '4 aaaa\n2 aa\n1 a\nodd x\n')
})
