/** What a macOS library asks of the system that loads it, read from the file. */

const cpus = { 16777223: 'x64', 16777228: 'arm64' }
const headerSize = 32
const needed = [0xc, 0x80000018, 0x8000001f]
const minimumVersion = { 36: 8, 50: 12 }
const codeSignature = 0x1d

/**
 * @param {Buffer} file a 64-bit Mach-O library for one processor
 * @returns {{ cpu: string, libraries: string[], macos: string | undefined, isSigned: boolean }}
 *   `macos`: the oldest version that loads it; `isSigned`: arm64 runs signed code only, if by no
 *   authority
 */
export function demandsOf(file) {
  if (file.readUInt32LE(0) !== 0xfeedfacf) throw new Error('not a 64-bit Mach-O file')
  const libraries = []
  let macos
  let isSigned = false
  let at = headerSize
  for (let left = file.readUInt32LE(16); left > 0; left--, at += file.readUInt32LE(at + 4)) {
    const command = file.readUInt32LE(at)
    if (needed.includes(command)) {
      const name = at + file.readUInt32LE(at + 8)
      libraries.push(file.toString('latin1', name, file.indexOf(0, name)))
    } else if (command in minimumVersion) {
      const version = file.readUInt32LE(at + minimumVersion[command])
      macos = `${version >>> 16}.${(version >>> 8) & 0xff}`
    } else if (command === codeSignature) isSigned = true
  }
  return { cpu: cpus[file.readUInt32LE(4)] ?? 'unknown', libraries, macos, isSigned }
}
