// Ids of our own: ULIDs, sorted by the time they were made, in lower case so that they may stand in Kubernetes' names.
import { ulid } from 'ulid'

/** 26 characters of 0-9 and a-z. */
export function lowerCaseUlid(now: Date): string {
  return ulid(now.getTime()).toLowerCase()
}
