// Ids of our own: ULIDs, sorted by the time they were made, in lower case so that they may stand in Kubernetes' names.
import { randomFillSync } from 'node:crypto'
import { ulid } from 'ulid'

/** 26 characters of 0-9 and a-z. */
export function lowerCaseUlid(now: Date): string {
  return ulid(now.getTime(), randomFraction).toLowerCase()
}

/** Drawn many at once: the library by itself asks for each of an id's sixteen alone, which takes longer than all else of it. */
const drawn = new Uint8Array(1024)
let used = drawn.length

function randomFraction(): number {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  const byte = drawn[used] ?? 0
  used += 1
  return byte / 256
}
