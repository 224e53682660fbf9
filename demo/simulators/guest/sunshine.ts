// The stream server of one machine, as far as a probe sees it: Sunshine's plain HTTP port for a client that is not
// paired (LizardByte/Sunshine src/nvhttp.cpp, serverinfo and not_found).
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'

/** The GameStream version that Sunshine claims, and the GeForce Experience it imitates. */
const APP_VERSION = '7.1.431.-1'
const GFE_VERSION = '3.23.0.74'
/** The HTTPS port lies this far below the HTTP port. */
const HTTPS_OFFSET = 5
/** H.264, HEVC and AV1, 8 and 10 bit. */
const CODEC_MODES = 3843
const MAX_LUMA_PIXELS = 1_869_449_984

export interface ServerInfo {
  hostname: string
  uniqueid: string
  address: string
  port: number
  playing: boolean
}

/** One identity per OS disk, in the form that Sunshine writes: an upper-case UUID. */
export function uniqueIdOf(disk: { id: string; generation: string }): string {
  const hex = createHash('sha256').update(`${disk.id.toLowerCase()}|${disk.generation}`).digest('hex').toUpperCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

function serverInfoXml(info: ServerInfo): string {
  return xml(200, [
    ['hostname', info.hostname],
    ['appversion', APP_VERSION],
    ['GfeVersion', GFE_VERSION],
    ['uniqueid', info.uniqueid],
    ['HttpsPort', String(info.port - HTTPS_OFFSET)],
    ['ExternalPort', String(info.port)],
    ['MaxLumaPixelsHEVC', String(MAX_LUMA_PIXELS)],
    ['mac', '00:00:00:00:00:00'],
    ['LocalIP', info.address],
    ['ServerCodecModeSupport', String(CODEC_MODES)],
    ['PairStatus', '0'],
    ['currentgame', info.playing ? '1' : '0'],
    ['state', info.playing ? 'SUNSHINE_SERVER_BUSY' : 'SUNSHINE_SERVER_FREE'],
  ])
}

function xml(status: number, elements: [name: string, text: string][]): string {
  const inside = elements.map(([name, text]) => `<${name}>${escaped(text)}</${name}>`).join('')
  return `<?xml version="1.0" encoding="utf-8"?>\n<root status_code="${status}">${inside}</root>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Listens on the machine's address. `look` returns what to answer, or undefined: then it never answers. */
export async function listen(
  at: { address: string; port: number },
  look: () => ServerInfo | undefined,
): Promise<{ close: () => void }> {
  const server: Server = createServer((request, response) => {
    const info = look()
    if (info === undefined) return
    const found = request.method === 'GET' && request.url?.split('?')[0] === '/serverinfo'
    response.writeHead(found ? 200 : 404, { Connection: 'close' })
    response.end(found ? serverInfoXml(info) : xml(404, []))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(at.port, at.address, resolve)
  await promise
  return {
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
