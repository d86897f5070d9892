/** Data images that ImageMagick and optipng saved again, with all their usual settings. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { before, it } from 'node:test'
import { promisify } from 'node:util'

import { encodeDataToImage } from '../../js/index.mjs'
import { temporaryFolder } from '../support/folder.mjs'
import { checkSaved, VALUES } from '../support/resaved.mjs'

const run = promisify(execFile)
const folder = temporaryFolder()
const saved = path.join(folder, 'saved.png')

const fileOf = (index) => path.join(folder, `${index}.png`)
before(async () => {
  for (const [index, data] of VALUES.entries()) await writeFile(fileOf(index), encodeDataToImage(data))
})

/** Options of ImageMagick, and the format that names how many bits it writes. */
const MAGICK = [
  '',
  '-strip',
  ...['00', '10', '75', '95', '105'].map((quality) => `-quality ${quality}`),
  ...[0, 9].map((level) => `-define png:compression-level=${level}`),
  ...[0, 5].map((filter) => `-define png:compression-filter=${filter}`),
  ...[0, 2, 3, 4, 6].map((color) => `-define png:color-type=${color}`),
  ...[1, 2, 4, 8, 16].map((depth) => `-define png:bit-depth=${depth}`),
  '-interlace PNG',
  '-interlace PNG -strip -quality 95',
  '-depth 16',
  '-colors 256',
  '-colors 16 +dither',
  ...['Palette', 'TrueColor', 'TrueColorAlpha', 'Grayscale', 'Bilevel', 'Optimize'].map((type) => `-type ${type}`),
  ...['on', 'off', 'set', 'opaque'].map((alpha) => `-alpha ${alpha}`),
  '-set gamma 0.45455',
  '-density 300 -set comment saved',
]
const FORMATS = ['', 'png8:', 'png24:', 'png32:', 'png48:', 'png64:', 'png00:']

const OPTIPNG = [
  ...[1, 2, 5, 7].map((level) => `-o${level}`),
  '-i0',
  '-i1',
  '-nb',
  '-nc',
  '-np',
  '-nx',
  '-full -o1',
  '-strip all',
  ...[0, 1, 2, 3, 4, 5].map((filter) => `-f${filter}`),
  '-zc1 -zm1 -zs3',
]

it('ImageMagick: the data, or a typed error', { timeout: 240_000 }, async () => {
  const convert = await imageMagick()
  let same = 0
  for (const [index, data] of VALUES.entries()) {
    for (const options of MAGICK) {
      for (const format of options === '' ? FORMATS : ['']) {
        const line = [fileOf(index), ...words(options), `${format}${saved}`]
        const isWritten = await run(convert, line).then(
          () => true,
          ({ stderr }) => {
            // More colours than a palette holds.
            assert.match(stderr, /Cannot write PNG8/)
            return false
          },
        )
        if (!isWritten) continue
        same += Number(await checkSaved(data, await readFile(saved), `convert ${options} ${format}`))
      }
    }
  }
  assert.ok(same >= VALUES.length * 15, `${same} had the same pixels`)
})

it('optipng: always the data', { timeout: 240_000 }, async () => {
  for (const [index, data] of VALUES.entries()) {
    for (const options of OPTIPNG) {
      await run('optipng', ['-quiet', '-force', ...words(options), '-out', saved, '-clobber', fileOf(index)]).catch(
        (cause) => {
          if (cause.code !== 'ENOENT') throw cause
          throw new Error('There is no optipng. On Debian: "apt-get install optipng".', { cause })
        },
      )
      assert.ok(await checkSaved(data, await readFile(saved), `optipng ${options}`), options)
    }
  }
})

const words = (text) => text.split(' ').filter(Boolean)

/** Its program is `magick` from version 7 on. */
async function imageMagick() {
  for (const program of ['magick', 'convert']) {
    const { stdout } = await run(program, ['-version']).catch(() => ({ stdout: '' }))
    if (stdout.includes('ImageMagick')) return program
  }
  throw new Error('There is no ImageMagick. On Debian: "apt-get install imagemagick".')
}
