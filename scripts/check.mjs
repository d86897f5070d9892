/**
 * `npm run check`: everything that needs no run of the code. All checks run; one failure fails all.
 */

import path from 'node:path'
import { build, staleGenerated } from './build.mjs'
import { pipCached } from './cache.mjs'
import { core, Failure, main, run, tool } from './command.mjs'
import { install } from './install.mjs'

const ours = ['--package', 'texample', '--package', 'texample-bridge', '--features', 'texample-bridge/napi']
const others = ['--exclude', 'texample', '--exclude', 'texample-bridge']
const node = process.execPath
const typos = process.platform === 'win32' ? 'typos.exe' : 'typos'

/** @type {[string, () => [string, string[], object?] | Promise<[string, string[], object?]>][]} */
const checks = [
  ['rust format', () => ['cargo', ['fmt', '--check']]],
  ['clippy', () => ['cargo', ['clippy', ...ours, '--all-targets', '--', '-D', 'warnings']]],
  // Without tests, outside of which alone napi registers what they export.
  ['clippy of other add-ons', () => ['cargo', ['clippy', '--workspace', ...others, '--', '-D', 'warnings']]],
  ['clippy without napi', () => ['cargo', ['clippy', '--all-targets', ...core, '--', '-D', 'warnings']]],
  [
    'rustdoc',
    () => [
      'cargo',
      ['doc', '--workspace', '--no-deps', '--document-private-items'],
      { env: { RUSTDOCFLAGS: '-D warnings' } },
    ],
  ],
  ['crate texample-bridge: package', () => ['cargo', ['package', '--package', 'texample-bridge', '--allow-dirty']]],
  ['rustdoc without napi', () => ['cargo', ['doc', '--no-deps', ...core], { env: { RUSTDOCFLAGS: '-D warnings' } }]],
  ['javascript format and lint', () => [node, [tool('@biomejs/biome'), 'check', '--error-on-warnings', '.']]],
  ['browser client: size, classic scripts', () => [node, ['scripts/client.mjs', '--check']]],
  ['toml format', () => [node, [tool('@taplo/cli'), 'fmt', '--check']]],
  ['spelling', async () => [path.join(await pipCached('typos==1.52.0'), 'bin', typos), []]],
  ['language', () => [node, ['scripts/language.mjs']]],
  ['workflow', () => [node, ['scripts/workflow.mjs']]],
  ['package: publint', () => [node, [tool('publint'), '--strict']]],
  [
    'package: types',
    () => [
      node,
      [tool('@arethetypeswrong/cli'), '--pack', '.', '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'],
    ],
  ],
]

await main(async () => {
  await install()
  const failed = []
  for (const [name, command] of checks) {
    const started = performance.now()
    const [program, args, options] = await command()
    const { code, output } = await run(program, args, { ...options, capture: true })
    report(name, code === 0, started)
    if (code !== 0) {
      failed.push(name)
      console.log(`\n${output}`)
    }
  }

  const started = performance.now()
  await build({ generated: false })
  const stale = await staleGenerated()
  report('generated files', stale.length === 0, started)
  if (stale.length > 0) {
    failed.push('generated files')
    console.log(`${stale.join(' and ')} do not match the sources; run "npm run build" and commit them`)
  }

  if (failed.length > 0) throw new Failure(`${failed.length} checks failed: ${failed.join(', ')}`)
  console.log('\nall checks passed')
})

function report(name, passed, started) {
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
}
