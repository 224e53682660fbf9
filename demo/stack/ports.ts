// Free ports, for servers that cannot be told to pick one themselves. They are handed out long before their servers
// listen, so no two processes may draw from the same few: each takes blocks of them, and holds a block by listening on
// its first port for as long as it lives. The kernel lets go of it with the process.
import { createServer, type Server } from 'node:net'

/**
 * Below Linux' ephemeral range (32768 and up), from which the kernel takes the source ports of outgoing connections:
 * a port from up there may be gone again before its server listens on it.
 */
const LOWEST = 15_000
const HIGHEST = 31_999
const BLOCK_PORTS = 50
const TRIES = 200

/** What is left of the block that this process drew last. */
let next = 0
let end = 0

/** Throws when none is found. */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left -= 1) {
    if (next >= end) await drawBlock()
    if (next >= end) continue
    const port = next
    next += 1
    const server = await listening(port)
    if (!server) continue
    await new Promise(closed => server.close(closed))
    return port
  }
  throw new Error(`No port between ${LOWEST} and ${HIGHEST} was free in ${TRIES} tries.`)
}

/** Leaves things as they are when the block is another process'. */
async function drawBlock(): Promise<void> {
  const blocks = Math.floor((HIGHEST - LOWEST + 1) / BLOCK_PORTS)
  const first = LOWEST + Math.floor(Math.random() * blocks) * BLOCK_PORTS
  const holder = await listening(first)
  if (!holder) return
  holder.unref()
  next = first + 1
  end = first + BLOCK_PORTS
}

/** On all addresses, as our programs listen; `undefined` when the port is taken. */
function listening(port: number): Promise<Server | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '0.0.0.0', () => resolve(server))
  })
}
