/** The command line: pipes, exit codes, errors on stderr. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeImageToData } from 'texample'
import { temporaryFolder } from './support/folder.mjs'

const cli = fileURLToPath(new URL('../js/cli.cjs', import.meta.url))
const folder = temporaryFolder()

/** Runs `texample ARGS` with `input` on stdin. */
function texample(args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { cwd: folder, timeout: 30_000 })
    /** @type {Buffer[]} */
    const out = []
    let stderr = ''
    child.stdout.on('data', (bytes) => out.push(bytes))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code, bytes: Buffer.concat(out), stdout: String(Buffer.concat(out)), stderr }),
    )
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

it('encode and decode are pipes', async () => {
  const data = { a: 1, fi: 'pöllö', list: [null, true, '%'] }
  const { bytes } = await texample(['encode'], JSON.stringify(data))
  assert.deepEqual(decodeImageToData(bytes), data)
  const { code, stdout, stderr } = await texample(['decode'], bytes)
  assert.deepEqual([code, stdout, stderr], [0, `${JSON.stringify(data)}\n`, ''])
})

it('encode and decode read and write files', async () => {
  await writeFile(path.join(folder, 'data.json'), '{"a":1}')
  const args = ['encode', 'data.json', '-o', 'data.png', '--compression', 'best', '--charset', 'utf-8']
  const encoded = await texample(args)
  assert.deepEqual([encoded.code, encoded.stdout, encoded.stderr], [0, '', ''])
  assert.deepEqual(decodeImageToData(await readFile(path.join(folder, 'data.png'))), { a: 1 })
  assert.equal((await texample(['decode', '--pretty', 'data.png'])).stdout, '{\n  "a": 1\n}\n')
})

it('encode reads JSON as Windows writes it', async () => {
  const json = '{\r\n  "fi": "pöllö"\r\n}\r\n'
  const utf16 = Buffer.from(`\ufeff${json}`, 'utf16le')
  for (const bytes of [json, `\ufeff${json}`, utf16]) {
    const encoded = await texample(['encode'], bytes)
    assert.equal(encoded.stderr, '')
    assert.deepEqual(decodeImageToData(encoded.bytes), { fi: 'pöllö' })
  }
})

it('JSON text is carried as it stands', async () => {
  for (const text of [
    '{"id":12345678901234567890}',
    '{"b":1.0,"a":1e2,"a":-0}',
    '[ 1,\t2 ]',
    '"p\\u00F6ll\\u00D6 \\/"',
    '"pöllö 100 % \u007f 💡 \\ud83d"',
  ]) {
    for (const charset of ['ascii', 'utf-8']) {
      const { bytes, stderr } = await texample(['encode', '--charset', charset], ` ${text}\n`)
      assert.equal(stderr, '')
      assert.deepEqual(decodeImageToData(bytes), JSON.parse(text))
      assert.equal((await texample(['decode'], bytes)).stdout, `${text}\n`)
    }
  }
})

it('decode --pretty indents and changes nothing else', async () => {
  const text = '{"id":12345678901234567890,"a":{},"b":[],"c":[1,{"d,[":"x \\" : y"}]}'
  const { bytes } = await texample(['encode'], text)
  const { stdout } = await texample(['decode', '-p'], bytes)
  const expected = JSON.stringify(JSON.parse(text), null, 2).replace('12345678901234567000', '12345678901234567890')
  assert.equal(stdout, `${expected}\n`)
})

it('any file is carried with --bytes', async () => {
  const given = Buffer.from(Array.from({ length: 1_000 }, (_, i) => i))
  for (const options of [[], ['--robust', '--compression', 'best']]) {
    const { bytes } = await texample(['encode', '--bytes', ...options], given)
    assert.deepStrictEqual(decodeImageToData(bytes), new Uint8Array(given))
    assert.deepEqual((await texample(['decode'], bytes)).bytes, given)
    const written = await texample(['decode', '-o', 'given.bin'], bytes)
    assert.deepEqual([written.code, written.stdout], [0, ''])
    assert.deepEqual(await readFile(path.join(folder, 'given.bin')), given)
  }
})

it('text that is not UTF-8 is an error', async () => {
  for (const args of [['encode'], ['encode', '-o', 'never.png']]) {
    const result = await texample(args, Buffer.from('{"fi":"p\xf6ll\xf6"}', 'latin1'))
    assert.deepEqual([result.code, result.stdout], [1, ''])
    assert.match(result.stderr, /^texample: stdin is not UTF-8.*--bytes/)
  }
})

it('tick prints a line for each tick', async () => {
  assert.equal((await texample(['tick', '--interval', '1', '--count', '3'])).stdout, '0\n1\n2\n')
})

it('tick ends quietly when its reader has enough', async () => {
  const child = spawn(process.execPath, [cli, 'tick', '-i', '1'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  child.stdout.once('data', () => child.stdout.destroy())
  const [code] = await new Promise((resolve) => child.once('close', (...end) => resolve(end)))
  assert.deepEqual([code, stderr], [0, ''])
})

it('ids prints ids, and goes on where it was', async () => {
  const url = `sqlite:${path.join(folder, 'ids.db')}`
  assert.equal((await texample(['ids', '--url', url])).stdout, '1000\n')
  assert.equal((await texample(['ids', '-n', '3', '-u', url])).stdout, '1001\n1002\n1003\n')
  const { stdout } = await texample(['ids', 'orders', '-n', '25000', '-u', url])
  assert.equal(new Set(stdout.trim().split('\n')).size, 25_000)
})

it('help and the version go to stdout', async () => {
  for (const args of [[], ['--help'], ['-h'], ['encode', '--help']]) {
    const { code, stdout, stderr } = await texample(args)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Usage: texample COMMAND/)
  }
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  assert.equal((await texample(['--version'])).stdout, `${version}\n`)
})

for (const [args, input, code, message] of [
  [['paint'], '', 2, /no command "paint"/],
  [['toString'], '', 2, /no command "toString"/],
  [['encode', '--fast'], '{}', 2, /--fast/],
  [['encode', '--compression', 'zip'], '{}', 2, /compression/],
  [['encode', 'a', 'b'], '', 2, /one operand/],
  [['tick', 'now'], '', 2, /no operand/],
  [['tick', '--interval', 'soon'], '', 2, /--interval must be a number/],
  [['ids', '--count', '0'], '', 2, /--count must be a positive integer/],
  [['ids', '--url', 'http://127.0.0.1/'], '', 2, /url/],
  [['encode'], '{', 1, /stdin is not JSON/],
  [['encode', 'missing.json'], '', 1, /missing\.json/],
  [['decode'], 'not a PNG', 1, /ERR_TEXAMPLE_IMAGE_INVALID/],
]) {
  it(`texample ${args.join(' ')} fails with ${code}, on stderr`, async () => {
    const result = await texample(args, input)
    assert.equal(result.code, code, result.stderr)
    assert.equal(result.stdout, '')
    assert.match(result.stderr, /^texample: /)
    assert.match(result.stderr, message)
    assert.doesNotMatch(result.stderr, /\n {4}at /, 'no stack')
  })
}
