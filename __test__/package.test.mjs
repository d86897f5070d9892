/**
 * What `require('texample')` and `import … from 'texample'` give, and what they say when there is
 * no native add-on.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import texample, * as named from 'texample'
import { temporaryFolder } from './support/folder.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const functions = [
  'decodeImageToData',
  'decodeImageToDataAsync',
  'encodeDataToImage',
  'encodeDataToImageAsync',
  'closeSequences',
  'nextId',
  'openSequence',
  'openStore',
  'start',
  'ticks',
]

it('require gives what import gives as its default', () => {
  assert.equal(createRequire(import.meta.url)('texample'), texample)
})

it('exports are the functions, the error, the callback', () => {
  const all = [...functions, 'TexampleError']
  assert.deepEqual(Object.keys(named).sort(), [...all, 'default'].sort())
  assert.deepEqual(Object.keys(texample).sort(), [...all, 'callback'].sort())
  for (const name of all) {
    assert.equal(typeof named[name], 'function', name)
    assert.equal(named[name], texample[name])
  }
})

it('functions are what their names say in a stack trace', () => {
  for (const name of functions) assert.equal(texample[name].name, name)
})

it('the original program runs as it was written', async () => {
  const script = `
    // Its interval is five seconds; a thousandth of it will do.
    const addon = require('./js/native/loader.cjs')
    const { tickerStart } = addon
    addon.tickerStart = (options, drain) => tickerStart({ ...options, interval: options.interval / 1000 }, drain)

    const texample = require('texample')
    texample.callback = function (i) {
      console.log(i, this === texample)
      if (i === 1) ticker.stop()
    }
    const ticker = texample.start()`
  const { stdout } = await run(process.execPath, ['-e', script], { cwd: root })
  assert.equal(stdout, '0 true\n1 true\n')
})

it('without a native add-on the error says how to get one', async () => {
  const folder = temporaryFolder()
  await cp(path.join(root, 'js'), path.join(folder, 'js'), {
    recursive: true,
    filter: (file) => !file.endsWith('.node'),
  })
  const script = `
      try { require('./js/index.cjs') } catch (error) {
        console.log(JSON.stringify([error.name, error.code, error.message, error.cause instanceof Error]))
      }`
  const { NAPI_RS_NATIVE_LIBRARY_PATH: _, ...env } = process.env
  const { stdout } = await run(process.execPath, ['-e', script], { cwd: folder, env })
  const [name, code, message, hasCause] = JSON.parse(stdout)
  assert.equal(name, 'TexampleError')
  assert.equal(code, 'ERR_TEXAMPLE_ADDON_MISSING')
  assert.match(message, new RegExp(`${process.platform}-${process.arch}`))
  assert.match(message, /npx texample build/)
  assert.equal(hasCause, true)
})
