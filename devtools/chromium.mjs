/**
 * Finds and launches Chromium for the tests.
 *
 * Headless: the binary that TEXAMPLE_CHROMIUM names, else the one inside the npm package
 * @sparticuz/chromium, which is unpacked once into the cache folder. One of the PATH is not taken,
 * so that every machine tests with the same. With a window: what TEXAMPLE_CHROMIUM_WINDOW
 * names, else `chromium` on the PATH, since the package has none.
 */

import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createBrotliDecompress } from 'node:zlib'

import { chromium } from 'playwright-core'
import { cacheFolder, isExecutable, onPath } from './executables.mjs'

const run = promisify(execFile)

/** What a Chromium of a test needs; the package's own `chromium.args` switch web security off. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const HINT =
  'Run "npm install", which fetches @sparticuz/chromium, or name one with TEXAMPLE_CHROMIUM=/path/to/chromium.'

/**
 * A running headless Chromium; the caller closes it.
 * @param {import('playwright-core').LaunchOptions} [options]
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launchChromium(options = {}) {
  const { executablePath, env } = await findChromium()
  try {
    return await chromium.launch({
      executablePath,
      headless: true,
      timeout: 60_000,
      ...options,
      env: { ...process.env, ...env, ...options.env },
      args: [...FLAGS, ...(options.args ?? [])],
    })
  } catch (cause) {
    throw new Error(`${executablePath} does not start. ${HINT}`, { cause })
  }
}

/**
 * Where Chromium is, and the environment that it needs.
 * @returns {Promise<{ executablePath: string, env: Record<string, string> }>}
 */
async function findChromium() {
  const named = process.env.TEXAMPLE_CHROMIUM
  if (named) {
    if (!(await isExecutable(named))) throw new Error(`TEXAMPLE_CHROMIUM names ${named}, which is not executable.`)
    return { executablePath: named, env: {} }
  }
  return packaged()
}

/** The Chromium that can open a window. */
export async function findChromiumWithWindow() {
  const file = process.env.TEXAMPLE_CHROMIUM_WINDOW || (await onPath('chromium'))
  if (file !== undefined && (await isExecutable(file))) return file
  throw new Error(
    'There is no Chromium with a window. On Debian: "apt-get install chromium xvfb"; or name one with TEXAMPLE_CHROMIUM_WINDOW.',
  )
}

/** The binary inside @sparticuz/chromium, for x86-64 Linux. */
async function packaged() {
  let root
  try {
    root = path.join(path.dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', '..')
  } catch (cause) {
    throw new Error(`There is no Chromium. ${HINT}`, { cause })
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`@sparticuz/chromium has no binary for ${process.platform} ${process.arch}. ${HINT}`)
  }
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
  const home = cacheFolder(`chromium-${version}`)
  if (!existsSync(home)) await unpack(path.join(root, 'bin'), home)

  const executablePath = path.join(home, 'chromium')
  const env = {}
  // The package brings NSS for systems that lack it; a system's own is preferred.
  if (await lacksLibraries(executablePath, {})) {
    env.LD_LIBRARY_PATH = [path.join(home, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
    const missing = await lacksLibraries(executablePath, env)
    if (missing) {
      throw new Error(`Chromium needs ${missing}: run "apt-get install libnss3 libexpat1" (or your system's equal).`)
    }
  }
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_PATH = path.join(home, 'fonts')
  return { executablePath, env }
}

/**
 * Unpacks beside `home` and renames, so that of several processes each sees a whole folder or none.
 * @param {string} bin
 * @param {string} home
 */
async function unpack(bin, home) {
  await mkdir(path.dirname(home), { recursive: true })
  const part = await mkdtemp(`${home}.`)
  try {
    await inflate(path.join(bin, 'chromium.br'), path.join(part, 'chromium'), 0o755)
    for (const [archive, folder] of [
      ['al2023', part],
      ['fonts', path.join(part, 'fonts')],
      ['swiftshader', part],
    ]) {
      const tar = path.join(part, `${archive}.tar`)
      await inflate(path.join(bin, `${archive}.tar.br`), tar, 0o644)
      await mkdir(folder, { recursive: true })
      await run('tar', ['-xf', tar, '-C', folder])
      await rm(tar)
    }
    await rename(part, home)
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    // Another process was first.
    if (!existsSync(home)) throw error
  }
}

/**
 * @param {string} from
 * @param {string} to
 * @param {number} mode
 */
function inflate(from, to, mode) {
  return pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode }))
}

/**
 * The shared libraries that the dynamic linker does not find, or an empty string.
 * @param {string} binary
 * @param {Record<string, string>} env
 */
async function lacksLibraries(binary, env) {
  const { stdout } = await run('ldd', [binary], { env: { ...process.env, ...env } })
  return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]).join(', ')
}
