// One decision as text and back. The phases' inputs hold dates, which JSON would turn into plain strings.
import type { NetworkSecurityGroupSeen as Group } from '../azure/provider.ts'
import type { Decided } from '../gpuvm/controller.ts'

const DATE = '$date'

export function written(decision: Decided): string {
  return JSON.stringify(decision, function replace(this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key]
    if (key === 'managedFields') return undefined
    return raw instanceof Date ? { [DATE]: raw.toISOString() } : value
  })
}

/** Throws a `SyntaxError` on what `written` did not write; what an older version wrote is completed. */
export function read(text: string): Decided {
  const decision: Partial<Decided> = JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(DATE in value)) return value
    return typeof value[DATE] === 'string' ? new Date(value[DATE]) : value
  })
  const { seen, verdict, hindrance } = decision
  if (seen?.machine?.metadata === undefined || seen.observed === undefined || verdict === undefined) {
    throw new SyntaxError('This is no recorded decision: a sight and a verdict are expected.')
  }
  return { seen: completed(seen), verdict, ...(hindrance && { hindrance }) }
}

/**
 * A list of JSON says null of what is absent, and a disk that is gone would stand again. A record that does not say whom a
 * group lets in to the probe was decided on as if it were whom the catalogue names.
 */
function completed(seen: Decided['seen']): Decided['seen'] {
  const dataDisks = seen.observed.dataDisks.map(disk => disk ?? undefined)
  const observed = { ...seen.observed, dataDisks }
  const group: (Partial<Group> & Omit<Group, 'probeCIDRs'>) | undefined = observed.networkSecurityGroup
  if (group === undefined || group.probeCIDRs !== undefined) return { ...seen, observed }
  const networkSecurityGroup = { ...group, probeCIDRs: seen.region?.probeCIDRs ?? [] }
  return { ...seen, observed: { ...observed, networkSecurityGroup } }
}
