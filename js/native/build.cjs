'use strict'

/**
 * Builds the native add-on of an installed package from the sources that it carries:
 * `npx texample build`. Needs no development dependency, so it leaves the generated files alone.
 */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { copyFile, mkdtemp, rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platform } = require('./platform.cjs')
const { replace } = require('./replace.cjs')

/** @returns {Promise<string>} the file that was made */
async function build() {
  const target = await mkdtemp(path.join(tmpdir(), 'texample-build-'))
  try {
    await cargo(['build', '--release', '--lib', '--target-dir', target])
    const made = path.join(target, 'release', library())
    const addon = path.join(__dirname, `texample.${platform()}.node`)
    await copyFile(made, `${addon}.tmp`)
    await replace(`${addon}.tmp`, addon)
    return addon
  } finally {
    await rm(target, { recursive: true, force: true })
  }
}

/** @param {string[]} args */
async function cargo(args) {
  const env = { ...process.env }
  // There Rust links libc statically, which makes no library for Node to load.
  if (platform().endsWith('-musl')) env.RUSTFLAGS = `${env.RUSTFLAGS ?? ''} -Ctarget-feature=-crt-static`
  const child = spawn('cargo', args, { cwd: path.join(__dirname, '..', '..'), env, stdio: ['ignore', 2, 2] })
  const [code] = await once(child, 'close').catch((cause) => {
    throw new Error(
      'cargo does not start; install Rust 1.89 or later with rustup (https://rustup.rs), and a C compiler',
      {
        cause,
      },
    )
  })
  if (code !== 0) throw new Error(`cargo build failed with exit code ${code}; its output is above`)
}

function library() {
  if (process.platform === 'win32') return 'texample.dll'
  return process.platform === 'darwin' ? 'libtexample.dylib' : 'libtexample.so'
}

module.exports = { build }
