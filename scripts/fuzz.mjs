/**
 * `npm run fuzz`: the libFuzzer targets, 10 minutes each. `npm run fuzz -- decode 60`: one of them,
 * for 60 seconds. On stable Rust: the coverage that libFuzzer steers by is LLVM's, asked for by
 * flags. `cfg(fuzzing)` is not set: the png crate would ignore checksums, which targets rely on.
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'

import { chosen, commandLine, main, must, root } from './command.mjs'

const targets = ['decode', 'kinds', 'round_trip']
const flags = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Ccodegen-units=1',
]

await main(async () => {
  const { words } = commandLine()
  const isNumber = (word) => /^\d+$/.test(word)
  const seconds = Number(words.find(isNumber) ?? 600)
  const names = chosen(
    'fuzz target',
    words.filter((word) => !isNumber(word)),
    targets,
  )

  const folder = path.join(root, 'fuzz')
  const target = path.join(folder, 'target')
  const version = await must('rustc', ['-vV'], { capture: true })
  const host = /host: (\S+)/.exec(version)?.[1] ?? ''
  // With a target named, the flags are not those of build scripts.
  await must('cargo', ['build', '--release', '--manifest-path', path.join(folder, 'Cargo.toml'), '--target', host], {
    env: { RUSTFLAGS: flags.join(' '), CARGO_TARGET_DIR: target },
  })
  for (const name of names) {
    console.log(`\n== ${name}, ${seconds} s`)
    const corpus = path.join(folder, 'corpus', name)
    const artifacts = path.join(folder, 'artifacts', name)
    for (const made of [corpus, artifacts]) mkdirSync(made, { recursive: true })
    await must(path.join(target, host, 'release', name), [
      corpus,
      `-artifact_prefix=${artifacts}${path.sep}`,
      `-max_total_time=${seconds}`,
      '-max_len=8192',
      '-timeout=10',
      '-rss_limit_mb=1024',
      '-print_final_stats=1',
      '-verbosity=0',
    ])
  }
})
