/**
 * The smallest files that a library's reader takes for one, of each system, with the demands that a
 * test needs.
 */

const text = (string) => Buffer.from(`${string}\0`, 'latin1')

/** Writes fields of two, four or eight bytes at their offsets. */
function fields(size, values) {
  const bytes = Buffer.alloc(size)
  for (const [offset, [width, value]] of Object.entries(values)) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), Number(offset))
    else bytes.writeUIntLE(value, Number(offset), width)
  }
  return bytes
}

/**
 * A Linux library.
 * @param {{ cpu: 'x64' | 'arm64', libraries: string[], versions?: string[] }} demands `versions`:
 *   such as `GLIBC_2.17`
 */
export function elf({ cpu, libraries, versions = [] }) {
  const strings = []
  let length = 0
  const string = (value) => {
    const at = length
    strings.push(text(value))
    length += value.length + 1
    return at
  }
  const dynamic = libraries.map((name) => fields(16, { 0: [8, 1], 8: [8, string(name)] }))
  const needs = versions.map((name, index) => {
    return fields(16, { 8: [4, string(name)], 12: [4, index === versions.length - 1 ? 0 : 16] })
  })
  const library = fields(16, { 2: [2, versions.length], 8: [4, 16] })
  const parts = [Buffer.concat(strings), Buffer.concat(dynamic), Buffer.concat([library, ...needs])]
  const tables = parts.reduce((sum, part) => sum + part.length, 64)
  let offset = 64
  const sections = [3, 6, 0x6ffffffe].map((type, index) => {
    const section = fields(64, { 4: [4, type], 24: [8, offset], 32: [8, parts[index].length], 44: [4, 1] })
    offset += parts[index].length
    return section
  })
  if (versions.length === 0) sections.pop()
  const machine = { x64: 62, arm64: 183 }[cpu]
  const header = fields(64, { 18: [2, machine], 40: [8, tables], 58: [2, 64], 60: [2, sections.length] })
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  return Buffer.concat([header, ...parts, ...sections])
}

/**
 * A macOS library.
 * @param {{ cpu: 'x64' | 'arm64', libraries: string[], macos?: [number, number], isSigned?: boolean
 *   }} demands
 */
export function macho({ cpu, libraries, macos, isSigned = false }) {
  const commands = libraries.map((name) => {
    return Buffer.concat([fields(24, { 0: [4, 0xc], 4: [4, 24 + name.length + 1], 8: [4, 24] }), text(name)])
  })
  if (macos) commands.push(fields(24, { 0: [4, 0x32], 4: [4, 24], 12: [4, macos[0] * 65_536 + macos[1] * 256] }))
  if (isSigned) commands.push(fields(16, { 0: [4, 0x1d], 4: [4, 16] }))
  const type = { x64: 0x01000007, arm64: 0x0100000c }[cpu]
  return Buffer.concat([fields(32, { 0: [4, 0xfeedfacf], 4: [4, type], 16: [4, commands.length] }), ...commands])
}

/**
 * A Windows library.
 * @param {{ cpu: 'x64' | 'arm64', libraries: string[], late?: string[], windows: [number, number]
 *   }} demands `late`: those that are loaded at their first call
 */
export function pe({ cpu, libraries, late = [], windows }) {
  const [address, header, optional, sections] = [0x1000, 64, 88, 328]
  const start = sections + 40
  const sizes = [20, 32]
  const lists = [libraries, late]
  // A table ends with an empty entry; the names stand behind both.
  const [first, second] = lists.map((names, index) => (names.length + 1) * sizes[index])
  const names = []
  let name = address + first + second
  const tables = lists.map((list, index) => {
    const entries = list.map((library) => {
      const entry = fields(sizes[index], { [index === 0 ? 12 : 4]: [4, name] })
      names.push(text(library))
      name += library.length + 1
      return entry
    })
    return Buffer.concat([...entries, Buffer.alloc(sizes[index])])
  })
  const body = Buffer.concat([...tables, ...names])
  const machine = { x64: 0x8664, arm64: 0xaa64 }[cpu]
  return Buffer.concat([
    fields(start, {
      0: [2, 0x5a4d],
      60: [4, header],
      [header]: [4, 0x4550],
      [header + 4]: [2, machine],
      [header + 6]: [2, 1],
      [header + 20]: [2, sections - optional],
      [optional]: [2, 0x20b],
      [optional + 48]: [2, windows[0]],
      [optional + 50]: [2, windows[1]],
      [optional + 108]: [4, 16],
      [optional + 120]: [4, address],
      [optional + 112 + 13 * 8]: [4, late.length > 0 ? address + first : 0],
      [sections + 8]: [4, body.length],
      [sections + 12]: [4, address],
      [sections + 16]: [4, body.length],
      [sections + 20]: [4, start],
    }),
    body,
  ])
}
