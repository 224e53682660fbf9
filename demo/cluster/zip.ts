// Reads a zip archive whole, as far as ordinary ones go: stored or deflated entries, no encryption, no zip64.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.16
import { crc32, inflateRawSync } from 'node:zlib'

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const STORED = 0
const DEFLATED = 8

/** The files by name; folders are left out. Throws on anything that is not such an archive, or is damaged. */
export function unzip(archive: Buffer): Map<string, Buffer> {
  const end = archive.lastIndexOf(Buffer.from('504b0506', 'hex'))
  if (end < 0 || archive.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error('This is no zip archive.')

  const files = new Map<string, Buffer>()
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('The zip archive has a damaged directory.')
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(offset => archive.readUInt16LE(at + offset))
    const nameEnd = at + 46 + (nameLength ?? 0)
    const name = archive.toString('utf8', at + 46, nameEnd)
    if (!name.endsWith('/')) files.set(name, entry(archive, { name, at }))
    at = nameEnd + (extraLength ?? 0) + (commentLength ?? 0)
  }
  return files
}

function entry(archive: Buffer, { name, at }: { name: string; at: number }): Buffer {
  const method = archive.readUInt16LE(at + 10)
  const checksum = archive.readUInt32LE(at + 16)
  const size = archive.readUInt32LE(at + 20)
  // Name and extra field are repeated before the data, and the extra field may differ there.
  const local = archive.readUInt32LE(at + 42)
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  const packed = archive.subarray(start, start + size)
  if (method !== STORED && method !== DEFLATED) throw new Error(`${name} is packed by method ${method}, not deflate.`)
  const file = method === STORED ? packed : inflateRawSync(packed)
  if (crc32(file) !== checksum) throw new Error(`${name} is damaged in the zip archive.`)
  return file
}
