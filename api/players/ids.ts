// Ids of our own: ULIDs, sorted by the time they were made, in lower case so that they may stand in Kubernetes' names.
import { ulid } from 'ulid'
import { randomByte } from '../../lib/process/random.ts'

/** 26 characters of 0-9 and a-z. */
export function lowerCaseUlid(now: Date): string {
  // The library by itself asks the system for each of an id's sixteen digits alone, which takes longer than all else of it.
  return ulid(now.getTime(), () => randomByte() / 256).toLowerCase()
}
