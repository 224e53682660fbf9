// What Azure noted about machines that stand still or are silent, asked for all of them together and never waited for
// long: the notes come minutes late, and nobody's game hangs on them. Without them everything works as before.
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { AzureError } from '../azure/errors.ts'
import type { Annotation, Azure } from '../azure/provider.ts'

/** Machines in one question, as far as a question may be long. */
const MACHINES = 100
/** Machines that are asked about at one time; the rest, as after a mass eviction, are decided on without. */
const LARGEST = 1000
/**
 * Rounds for which a machine is asked about after somebody has last wanted to know: whoever is silent is looked at twice a
 * minute.
 */
const ROUNDS = 24

type Note = Pick<Annotation, 'name' | 'at'>

/** `Pending` until Azure has been asked about the machine, with or without an answer. */
export type Noted = Note | 'Pending' | undefined

export interface Annotations extends Runnable {
  /** What is known of the machine of this id; from now on it is asked about, for as long as somebody wants to know. */
  of(machineId: string): Noted
}

export function annotations(options: {
  azure: Pick<Azure, 'annotations'>
  clock: Clock
  log: Logger
  /** Seconds between questions: 5 against the real Azure, which answers 15 in 5 seconds. */
  pollSeconds: number
}): Annotations {
  const { azure, clock, log, pollSeconds } = options
  /** By the machine's id: rounds left. */
  const wanted = new Map<string, number>()
  /** By the machine's id: what Azure last told; `undefined` where it told nothing. */
  let known = new Map<string, Note | undefined>()
  const failing = new Set<string>()

  async function ask(signal: AbortSignal): Promise<void> {
    const machineIds = [...wanted.keys()]
    for (const [id, rounds] of wanted) {
      if (rounds > 1) wanted.set(id, rounds - 1)
      else wanted.delete(id)
    }
    const next = new Map(machineIds.map(id => [id, known.get(id)]))
    for (const [subscriptionId, ids] of Map.groupBy(machineIds, subscriptionOf)) {
      try {
        for (let from = 0; from < ids.length; from += MACHINES) {
          const asked = { subscriptionId, machineIds: ids.slice(from, from + MACHINES) }
          for (const { machineId, name, at } of await azure.annotations(asked, signal))
            next.set(machineId, { name, at })
        }
        failing.delete(subscriptionId)
      } catch (error) {
        if (!(error instanceof AzureError)) throw error
        const { code } = error
        if (!failing.has(subscriptionId)) log.info({ subscriptionId, code }, 'Resource Graph tells nothing of machines')
        failing.add(subscriptionId)
      }
    }
    known = next
  }

  return {
    name: 'annotations',
    of(id) {
      const machineId = id.toLowerCase()
      if (wanted.size >= LARGEST && !wanted.has(machineId)) return known.get(machineId)
      wanted.set(machineId, ROUNDS)
      return known.has(machineId) ? known.get(machineId) : 'Pending'
    },
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        if (wanted.size > 0 || known.size > 0)
          await ask(stop).catch(error => log.warn({ error }, 'A question to Resource Graph was broken off'))
        await clock.sleep(pollSeconds * 1000, stop).catch(() => undefined)
      }
    },
  }
}

function subscriptionOf(machineId: string): string {
  return machineId.split('/')[2] ?? ''
}
