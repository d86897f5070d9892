/**
 * Builds the native add-on for this machine: `npm run build`, or with `-- --debug` quicker and
 * slower to run. `npm run build -- --target TRIPLE` makes what is published for a system
 * instead, in target/prebuilt.
 */

import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { commandLine, isMain, main, must, root, tool } from './command.mjs'
import { install } from './install.mjs'
import { buildPrebuilt, targetOf } from './prebuilt.mjs'

const { replace } = createRequire(import.meta.url)('../js/native/replace.cjs')

const inputs = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'bridge/Cargo.toml', 'bridge/src', 'src', 'package.json']
// The build goes here first: writing a `.node` in place would crash each process that has it
// loaded.
const out = path.join(root, 'target', 'addon')
const published = path.join(root, 'js', 'native')

/**
 * Makes js/native/*.node and the generated js/native/native.*, unless they are newer than what they
 * are made from. NAPI_RS_NATIVE_LIBRARY_PATH names an add-on to load in their place: then there is
 * nothing to make.
 * @param {{ debug?: boolean, generated?: boolean }} [options] `generated: false` leaves
 *   js/native/native.* alone
 */
export async function build({ debug = false, generated = true } = {}) {
  await install()
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) return
  const folder = path.join(out, debug ? 'debug' : 'release')
  if (!(await isFresh(folder))) {
    console.log(
      debug ? 'Building the add-on (debug) …' : 'Building the add-on (release; the first time takes some minutes) …',
    )
    const started = Date.now()
    await mkdir(folder, { recursive: true })
    await must(process.execPath, [
      ...[tool('@napi-rs/cli', 'napi'), 'build', '--platform', ...(debug ? [] : ['--release'])],
      ...['--output-dir', path.relative(root, folder), '--js', 'native.js', '--dts', 'native.d.ts'],
    ])
    console.log(`Built in ${((Date.now() - started) / 1000).toFixed(0)} s.`)
  }
  for (const name of await readdir(folder)) {
    if (name.endsWith('.node') || generated) await publish(path.join(folder, name), path.join(published, name))
  }
}

/** The names of generated files in js/ that are not what the build makes. */
export async function staleGenerated() {
  const stale = []
  for (const name of ['native.js', 'native.d.ts']) {
    const [made, committed] = await Promise.all(
      [path.join(out, 'release', name), path.join(published, name)].map((file) => readFile(file)),
    )
    if (!made.equals(committed)) stale.push(`js/native/${name}`)
  }
  return stale
}

/** Puts a new file in place of an old one at once; processes that use the old one keep it. */
async function publish(from, to) {
  const [made, present] = await Promise.all([readFile(from), readFile(to).catch(() => undefined)])
  if (present !== undefined && made.equals(present)) return
  const next = `${to}.${process.pid}.tmp`
  await copyFile(from, next)
  await replace(next, to)
}

async function isFresh(folder) {
  const made = await readdir(folder).catch(() => [])
  const addon = made.find((name) => name.endsWith('.node'))
  if (addon === undefined || !made.includes('native.js') || !made.includes('native.d.ts')) return false
  const newest = await Promise.all(inputs.map((name) => newestChange(path.join(root, name))))
  return (await stat(path.join(folder, addon))).mtimeMs >= Math.max(...newest)
}

async function newestChange(file) {
  const found = await stat(file)
  if (!found.isDirectory()) return found.mtimeMs
  const within = await Promise.all((await readdir(file)).map((name) => newestChange(path.join(file, name))))
  return Math.max(found.mtimeMs, ...within)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { debug, target } = commandLine({ debug: 'boolean', target: 'string' })
    await (target === undefined ? build({ debug }) : buildPrebuilt(targetOf(target)))
  })
}
