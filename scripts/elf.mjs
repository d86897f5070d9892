/**
 * What a Linux library asks of the system that loads it, read from the file: no binutils needed,
 * and no such system.
 */

const machines = { 62: 'x64', 183: 'arm64' }
const dynamicSection = 6
const neededVersions = 0x6ffffffe
const neededLibrary = 1n

/**
 * @param {Buffer} file a 64-bit little-endian ELF library
 * @returns {{ cpu: string, libraries: string[], glibc: string | undefined }} `glibc`: the newest
 *   version of a symbol that it uses
 */
export function demandsOf(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error('not a 64-bit ELF file')
  const sections = sectionsOf(file)
  const text = (strings, at) => {
    const start = sections[strings].offset + at
    return file.toString('latin1', start, file.indexOf(0, start))
  }

  const libraries = []
  for (const { type, offset, size, link } of sections) {
    if (type !== dynamicSection) continue
    for (let at = offset; at < offset + size; at += 16) {
      if (file.readBigInt64LE(at) === neededLibrary) libraries.push(text(link, Number(file.readBigUInt64LE(at + 8))))
    }
  }

  const versions = []
  for (const { type, offset, link, info } of sections) {
    if (type !== neededVersions) continue
    for (let library = 0, at = offset; library < info; library++, at += file.readUInt32LE(at + 12)) {
      let name = at + file.readUInt32LE(at + 8)
      for (let left = file.readUInt16LE(at + 2); left > 0; left--, name += file.readUInt32LE(name + 12)) {
        versions.push(text(link, file.readUInt32LE(name + 8)))
      }
    }
  }
  const glibc = versions
    .map((version) => /^GLIBC_(\d+)\.(\d+)/.exec(version))
    .filter((match) => match !== null)
    .map(([, major, minor]) => [Number(major), Number(minor)])
    .sort(([a, b], [c, d]) => a - c || b - d)
    .at(-1)
    ?.join('.')
  return { cpu: machines[file.readUInt16LE(18)] ?? 'unknown', libraries, glibc }
}

function sectionsOf(file) {
  const table = Number(file.readBigUInt64LE(40))
  const size = file.readUInt16LE(58)
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = table + index * size
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
      info: file.readUInt32LE(at + 44),
    }
  })
}
