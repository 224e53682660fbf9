// Where a request does not fit its schema, and what is permitted there, as the reply says it.
import type { z } from 'zod'
import type { Fault } from './errors.ts'

/** Faults that a reply names at most: a body may hold thousands. */
const FAULTS = 20
/** Characters of a name that came with the request: it may be as long as the body. */
const NAME_LENGTH = 64

/** `target` is what was looked at (`json`, `query`), named where the whole of it does not fit. */
export function faultsOf(issues: readonly z.core.$ZodIssue[], target: string): Fault[] {
  const whole = target === 'json' ? 'body' : target
  return issues
    .flatMap(issue => (issue.code === 'unrecognized_keys' ? unknown(issue) : fault(issue, whole)))
    .slice(0, FAULTS)
}

function fault({ path, message }: z.core.$ZodIssue, whole: string): Fault[] {
  return [{ at: path.join('.') || whole, message }]
}

/** One for each, where it stands. */
function unknown({ path, keys }: z.core.$ZodIssueUnrecognizedKeys): Fault[] {
  return keys.slice(0, FAULTS).map(key => ({
    at: [...path, key.slice(0, NAME_LENGTH)].join('.'),
    message: 'Nothing of this name is taken here. Leave it out.',
  }))
}
