// One decision as text and back. The phases' inputs hold dates, which JSON would turn into plain strings.
import type { Seen, Verdict } from '../gpuvm/decision.ts'

export interface Recorded {
  /** Exactly what the phases were given. */
  seen: Seen
  verdict: Verdict
  /** What kept the step from being done, by Azure's code. */
  hindrance?: { is: string; code: string; message: string } | undefined
}

const DATE = '$date'

export function written(decision: Recorded): string {
  return JSON.stringify(decision, function replace(this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key]
    if (key === 'managedFields') return undefined
    return raw instanceof Date ? { [DATE]: raw.toISOString() } : value
  })
}

/** Throws a `SyntaxError` on what `written` did not write. */
export function read(text: string): Recorded {
  const decision: Partial<Recorded> = JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(DATE in value)) return value
    return typeof value[DATE] === 'string' ? new Date(value[DATE]) : value
  })
  const { seen, verdict, hindrance } = decision
  if (seen?.machine?.metadata === undefined || seen.observed === undefined || verdict === undefined) {
    throw new SyntaxError('This is no recorded decision: a sight and a verdict are expected.')
  }
  return { seen, verdict, ...(hindrance && { hindrance }) }
}
