// Random bytes as good as the system's, a few at a time: to ask it for each few anew takes longer than what they are used for.
import { randomFillSync } from 'node:crypto'

const drawn = new Uint8Array(4096)
let used = drawn.length

/** Given once, and to nobody else. */
export function randomByte(): number {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  const byte = drawn[used] ?? 0
  used += 1
  return byte
}
