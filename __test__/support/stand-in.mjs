/**
 * A program that the workflow calls and a test must not: it writes its arguments to STAND_IN_LOG, a
 * line each call, and leaves behind what the next step needs. STAND_IN_PATH finds the real ones.
 */

import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { elf } from './libraries.mjs'

const {
  STAND_IN_LOG: log,
  STAND_IN_PATH: realPath,
  STAND_IN_MODULES: modules,
  STAND_IN_PUBLISHED: published,
} = process.env
const [, , name, ...args] = process.argv

/** Runs a program in place of this one. */
function become(program, args, env = {}) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (error) throw error
  process.exit(status ?? 1)
}

/** Makes a program that runs this file, whatever `node` is on the PATH. @param {string} program */
export function linkStandIn(program) {
  const words = [process.execPath, fileURLToPath(import.meta.url), path.basename(program)]
  writeFileSync(program, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
}

const optionOf = (option) => args[args.indexOf(option) + 1]

const standIns = {
  'apt-get': () => {},
  git: () => {},
  rustup: () => {},
  // Nothing is installed yet.
  dpkg: () => process.exit(1),

  // The tests of the files are run by `npm test`: here one of them, to see that they start.
  node: () => become(process.execPath, args[0] === 'scripts/portable.mjs' ? [...args, 'errors'] : args),

  npm: () => {
    if (args[0] === 'ci') symlinkSync(modules, 'node_modules')
    else if (args[0] === 'view') process.stdout.write(published ?? '')
    else if (args[0] === 'pack') become('npm', args, { PATH: realPath })
  },

  // In this system in place of the image's.
  docker: () => {
    const [program, ...rest] = args.slice(args.findIndex((arg) => arg.startsWith('node:')) + 1)
    become(program, rest)
  },

  // pip, asked for Zig.
  python3: () => {
    const program = path.join(optionOf('--target'), 'bin', 'cargo-zigbuild')
    mkdirSync(path.dirname(program), { recursive: true })
    linkStandIn(program)
  },

  'cargo-zigbuild': () => {
    const [triple] = /^[\w-]+/.exec(optionOf('--target'))
    const folder = path.join(optionOf('--target-dir'), triple, 'release')
    const isGnu = triple.endsWith('-gnu')
    mkdirSync(folder, { recursive: true })
    const library = elf({
      cpu: triple.startsWith('x86_64') ? 'x64' : 'arm64',
      libraries: [isGnu ? 'libc.so.6' : 'libc.so'],
      versions: isGnu ? ['GLIBC_2.17'] : [],
    })
    writeFileSync(path.join(folder, 'libtexample.so'), library)
  },
}

if (log !== undefined) {
  appendFileSync(log, `${JSON.stringify([name, ...args])}\n`)
  standIns[name]()
}
