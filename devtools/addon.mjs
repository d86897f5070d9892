/**
 * Builds the add-ons of this workspace that are not published: examples, peers of benchmarks, cases
 * of tests.
 */

import { execFile } from 'node:child_process'
import { copyFile, mkdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * What cargo calls the library of a package.
 * @param {string} name
 * @param {string} [system] that it is built for
 */
export function library(name, system = process.platform) {
  const [prefix, extension] = { win32: ['', 'dll'], darwin: ['lib', 'dylib'] }[system] ?? ['lib', 'so']
  return `${prefix}${name.replaceAll('-', '_')}.${extension}`
}

/**
 * Builds a package of the workspace, or of another folder.
 * @param {string} name
 * @param {{ cwd?: string, args?: string[] }} [options] where it is, and more for cargo
 * @returns {Promise<string>} the `.node` file
 */
export async function buildAddon(name, { cwd = root, args = [] } = {}) {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target')
  const profile = args.includes('--release') ? 'release' : 'debug'
  await run('cargo', ['build', '--quiet', '--package', name, '--target-dir', target, ...args], { cwd })
  const folder = path.join(target, 'addons', profile)
  const file = path.join(folder, `${name}.node`)
  await mkdir(folder, { recursive: true })
  // Not written in place: a process that has the old one loaded would crash.
  const next = `${file}.${process.pid}.tmp`
  await copyFile(path.join(target, profile, library(name)), next)
  await rename(next, file)
  return file
}
