// By what a refusal of the API server is known again: by the fields that it names and why, in whatever order it does, and
// not by its words, which are long, and hold values that change from one time to the next.
import { createHash } from 'node:crypto'
import type { KubeError } from '../../lib/kube/errors.ts'

/** Sixteen of its digits tell as many apart as will ever be seen. */
const DIGITS = 16

/** A word without spaces, the same for the same faults. Where the server names none, its words are all there is. */
export function refusalDigest({ code, message, causes }: Pick<KubeError, 'code' | 'message' | 'causes'>): string {
  const faults = causes.map(({ field = '', reason = '' }) => `${field} ${reason}`).toSorted()
  const told = faults.length === 0 ? [message] : faults
  return createHash('sha256')
    .update([code, ...told].join('\n'))
    .digest('hex')
    .slice(0, DIGITS)
}
