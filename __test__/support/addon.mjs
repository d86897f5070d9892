/** An add-on that is written in a page of the documentation, built and run. */

import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const [prefix, extension] = { win32: ['', 'dll'], darwin: ['lib', 'dylib'] }[process.platform] ?? ['lib', 'so']

/**
 * @param {string} folder where it is written; the package beside it is this checkout
 * @param {{ toml: string, rust: string, javascript: string }} parts its manifest, its src/lib.rs, and a program that uses it
 * @returns {Promise<string>} what the program prints
 */
export async function buildExample(folder, { toml, rust, javascript }) {
  const name = /^name = "(.+)"$/m.exec(toml)[1]
  await mkdir(path.join(folder, 'src'), { recursive: true })
  // Built as the workspace's own crates are, so that it shares what they have built.
  const profiles = /^\[profile\.dev[\s\S]*/m.exec(await readFile(path.join(root, 'Cargo.toml'), 'utf8'))[0]
  const manifest = `${toml.replace('"../texample/bridge"', JSON.stringify(path.join(root, 'bridge')))}\n[workspace]\n\n${profiles}`
  await writeFile(path.join(folder, 'Cargo.toml'), manifest)
  await copyFile(path.join(root, 'Cargo.lock'), path.join(folder, 'Cargo.lock'))
  await writeFile(path.join(folder, 'build.rs'), 'fn main() { napi_build::setup(); }\n')
  await writeFile(path.join(folder, 'src', 'lib.rs'), rust)

  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target')
  await run('cargo', ['build', '--quiet', '--target-dir', target], { cwd: folder })
  await copyFile(path.join(target, 'debug', `${prefix}${name}.${extension}`), path.join(folder, `${name}.node`))
  const program = path.join(folder, 'example.cjs')
  await writeFile(program, `const { ${name} } = require('./${name}.node')\n${javascript}`)
  const { stdout } = await run(process.execPath, [program], { timeout: 60_000 })
  return stdout
}
