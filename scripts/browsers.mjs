/**
 * `npm run test:browsers`: the browser client in Chromium, Firefox and WebKit, in a background tab,
 * and with the programs that save pictures again. What is missing is installed through apt when
 * this is root on Debian; otherwise the command to run is printed.
 * `npm run test:browsers -- firefox`: the files whose name holds a word.
 */

import { existsSync } from 'node:fs'
import path from 'node:path'

import { build } from './build.mjs'
import { commandLine, Failure, isWanted, main, must, root, run } from './command.mjs'
import { install } from './install.mjs'

/** What a program of PATH comes in; `identify` is a program of ImageMagick. */
const packages = {
  identify: ['imagemagick'],
  optipng: ['optipng'],
  Xvfb: ['xvfb'],
  ...(process.env.TEXAMPLE_CHROMIUM_WINDOW ? {} : { chromium: ['chromium'] }),
  'firefox-esr': ['firefox-esr'],
  WebKitWebDriver: ['webkit2gtk-driver'],
  'xvfb-run': ['xvfb', 'xauth'],
}

const files = [
  '__test__/client-chromium.test.mjs',
  '__test__/browser/background.test.mjs',
  '__test__/browser/resaved.test.mjs',
  '__test__/browser/firefox.test.mjs',
  '__test__/browser/webkit.test.mjs',
]

await main(async () => {
  const { words } = commandLine()
  await install()
  await installBrowsers()
  await build()
  const failed = []
  for (const file of files.filter((file) => isWanted(words, file))) {
    console.log(`\n== ${file}`)
    const { code } = await run(process.execPath, ['--test', '--test-reporter=spec', path.join(root, file)])
    if (code !== 0) failed.push(file)
  }
  if (failed.length > 0) throw new Failure(`failed: ${failed.join(', ')}`)
  console.log('\nall browsers passed')
})

async function installBrowsers() {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const isThere = (program) => folders.some((folder) => existsSync(path.join(folder, program)))
  const missing = Object.entries(packages).flatMap(([program, names]) => (isThere(program) ? [] : names))
  if (missing.length === 0) return
  const command = ['install', '-yq', '--no-install-recommends', ...missing]
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    throw new Failure(`browsers are missing; on Debian: sudo apt-get ${command.join(' ')}`)
  }
  console.log(`Installing ${missing.join(', ')} …`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await must('apt-get', ['update', '-q'], { env, capture: true })
  await must('apt-get', command, { env, capture: true })
}
