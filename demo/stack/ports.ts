// Free ports, for servers that cannot be told to pick one themselves. Handed out once within a process; another
// process may still be quicker, and the server then says so.
import { createServer } from 'node:net'

/**
 * Below Linux' ephemeral range (32768 and up), from which the kernel takes the source ports of outgoing connections:
 * a port from up there may be gone again before its server listens on it.
 */
const LOWEST = 15_000
const HIGHEST = 31_999
const TRIES = 200

const given = new Set<number>()

/** Throws when none is found. */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left -= 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`No port between ${LOWEST} and ${HIGHEST} was free in ${TRIES} tries.`)
}

/** On all addresses, as our programs listen. */
function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}
