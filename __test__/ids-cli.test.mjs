/** `texample ids show|next|set`. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEVTOOLS, folder } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'

const CLI = join(DEVTOOLS, '..', 'js', 'cli.cjs')

/** @param {string[]} args */
function ids(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'ids', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('look at a sequence, take an id, move it forward, and back only by force', async (t) => {
  const server = await startStandalone()
  t.after(() => server.stop())
  const file = join(folder(t), 'ids.db')
  for (const url of [`sqlite:${file}`, `${server.uri}app`]) {
    const missing = ids('show', 'a', '--url', url)
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /no sequence "a"/)
    assert.equal(existsSync(file), url !== `sqlite:${file}`, 'to look creates nothing')
    assert.equal(ids('next', 'a', '-u', url).stdout, '1000\n')
    assert.equal(ids('show', 'a', '-u', url).stdout, '1001\n')
    assert.deepEqual(ids('set', 'a', '5000', '-u', url), { status: 0, stdout: '', stderr: '' })
    assert.equal(ids('a', '-n', '2', '-u', url).stdout, '5000\n5001\n')
    const back = ids('set', 'a', '4000', '-u', url)
    assert.notEqual(back.status, 0)
    assert.match(back.stderr, /is at 5002.*second time/)
    assert.equal(ids('show', 'a', '-u', url).stdout, '5002\n')
    assert.equal(ids('set', 'a', '4000', '--force', '-u', url).status, 0)
    assert.equal(ids('show', 'a', '-u', url).stdout, '4000\n')
    assert.equal(ids('set', 'new', '9223372036854775000', '-u', url).status, 0)
    assert.equal(ids('show', 'new', '-u', url).stdout, '9223372036854775000\n')
    assert.equal(ids('next', 'new', '-u', url, '--collection', 'other').stdout, '1000\n')
  }
})

test('wrong usage is exit code 2', () => {
  for (const args of [
    ['set', 'a'],
    ['set', 'a', 'x'],
    ['set', 'a', '-1'],
    ['set', 'a', '9223372036854775808'],
    ['show', 'a', 'b'],
    ['next', 'a', '--force'],
    ['show', 'a', '-n', '3'],
  ]) {
    assert.equal(ids(...args, '-u', 'memory:').status, 2, args.join(' '))
  }
})
