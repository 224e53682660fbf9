// One decision as text and back. The phases' inputs hold dates, which JSON would turn into plain strings.
import type { Decided } from '../gpuvm/controller.ts'

const DATE = '$date'

export function written(decision: Decided): string {
  return JSON.stringify(decision, function replace(this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key]
    if (key === 'managedFields') return undefined
    return raw instanceof Date ? { [DATE]: raw.toISOString() } : value
  })
}

/** Throws a `SyntaxError` on what `written` did not write. */
export function read(text: string): Decided {
  const decision: Partial<Decided> = JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(DATE in value)) return value
    return typeof value[DATE] === 'string' ? new Date(value[DATE]) : value
  })
  const { seen, verdict, hindrance } = decision
  if (seen?.machine?.metadata === undefined || seen.observed === undefined || verdict === undefined) {
    throw new SyntaxError('This is no recorded decision: a sight and a verdict are expected.')
  }
  return { seen, verdict, ...(hindrance && { hindrance }) }
}
