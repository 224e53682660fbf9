// How it stands with a machine or a session by its own object, to compare between runs: all that its status says, less
// what two runs of one scene may differ in.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { canonical } from './canonical.ts'

/**
 * `message`: its words may tell how long a thing takes, and the reason beside it says the same. `seconds`: how long it was
 * played or interrupted is the clock's doing; the bill has a witness of its own. `lastAnsweredAt`: whether a stream fell silent
 * for a moment, by three missed probes, hangs on how busy this computer is; that it answers now is compared.
 */
const free = ['message', 'seconds', 'lastAnsweredAt']

/** What hangs on who is first in a scene, and is left out there. */
export type Unsure = 'evictions' | 'incarnation'

/** Of none that is left: gone. */
export function accountOf(object: GpuVm | GameSession | undefined, unsure: readonly Unsure[] = []): string {
  if (object === undefined) return 'gone'
  const { metadata, status } = object
  const told = {
    ...{ ...status, conditions: status?.conditions?.toSorted((one, other) => (one.type < other.type ? -1 : 1)) },
    finalizers: metadata.finalizers?.toSorted(),
    isLeaving: metadata.deletionTimestamp !== undefined,
  }
  const without = new Set<string>([...free, ...unsure])
  return JSON.stringify(canonical(told), (key, value: unknown) => (without.has(key) ? undefined : value), 1)
}
