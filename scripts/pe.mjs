/** What a Windows library asks of the system that loads it, read from the file. */

const machines = { 34404: 'x64', 43620: 'arm64' }
const pe32Plus = 0x20b
/**
 * The tables of imported libraries: those loaded with the file, and those loaded at the first call.
 */
const tables = [
  { index: 1, size: 20, nameAt: 12 },
  { index: 13, size: 32, nameAt: 4 },
]

/**
 * @param {Buffer} file a 64-bit PE library
 * @returns {{ cpu: string, libraries: string[], windows: string }} `libraries`: in lower case;
 *   `windows`: the oldest version that loads it
 */
export function demandsOf(file) {
  const header = file.readUInt16LE(0) === 0x5a4d ? file.readUInt32LE(0x3c) : -1
  if (header < 0 || file.readUInt32BE(header) !== 0x50450000) throw new Error('not a PE file')
  const optional = header + 24
  if (file.readUInt16LE(optional) !== pe32Plus) throw new Error('not a 64-bit PE file')
  const sections = Array.from({ length: file.readUInt16LE(header + 6) }, (_, index) => {
    const at = optional + file.readUInt16LE(header + 20) + index * 40
    const [size, address, stored, offset] = [8, 12, 16, 20].map((field) => file.readUInt32LE(at + field))
    return { address, end: address + Math.max(size, stored), offset }
  })
  /** Where an address of the loaded library stands in the file. */
  const place = (address) => {
    const section = sections.find(({ address: start, end }) => start <= address && address < end)
    if (section === undefined) throw new Error(`no section of this PE file has the address ${address}`)
    return address - section.address + section.offset
  }

  const libraries = []
  for (const { index, size, nameAt } of tables) {
    if (index >= file.readUInt32LE(optional + 108)) continue
    const table = file.readUInt32LE(optional + 112 + index * 8)
    if (table === 0) continue
    for (let at = place(table); file.readUInt32LE(at + nameAt) !== 0; at += size) {
      const name = place(file.readUInt32LE(at + nameAt))
      libraries.push(file.toString('latin1', name, file.indexOf(0, name)).toLowerCase())
    }
  }
  const windows = `${file.readUInt16LE(optional + 48)}.${file.readUInt16LE(optional + 50)}`
  return { cpu: machines[file.readUInt16LE(header + 4)] ?? 'unknown', libraries, windows }
}
