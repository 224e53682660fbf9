// Keeps, for each machine, what its last decisions were made from: enough to tell why each thing happened, and to
// decide again from the record. Bounded: the oldest decisions go first, and machines that nobody decided on lately.
import type { Decided } from '../gpuvm/controller.ts'
import type { Verdict } from '../gpuvm/decision.ts'
import type { KeptDecision, MachineName } from '../history/history.ts'
import { written } from './record.ts'

/** Decisions kept of one machine. A life with an eviction and a pause takes some thirty. */
const DECISIONS = 100
/** Machines kept. */
const MACHINES = 5000
/** Characters kept in all; a decision takes some 5,000. */
const CHARACTERS = 64 * 1024 * 1024

export interface FlightRecorder {
  /** Never throws. What says the same as the decision before it is counted there and not kept again. */
  record(decision: Decided): void
  /** The decisions on the machine of this name, as JSON texts, the oldest first; empty when it is not known. */
  of(machine: MachineName): string[]
}

interface Kept {
  namespace: string
  name: string
  decisions: string[]
  last: string
}

export function flightRecorder(
  options: {
    decisions?: number
    machines?: number
    characters?: number
    /** Each that is kept, for a memory that outlives the process. */
    onKept?: (decision: KeptDecision) => void
  } = {},
): FlightRecorder {
  const { decisions: most = DECISIONS, machines = MACHINES, characters = CHARACTERS, onKept } = options
  /** By UID; in the order of their last decision. */
  const kept = new Map<string, Kept>()
  let held = 0

  function drop(text: string | undefined): void {
    held -= text?.length ?? 0
  }

  function forgetOldest(): void {
    const [oldest] = kept
    if (oldest === undefined) return
    const [uid, { decisions }] = oldest
    for (const text of decisions) drop(text)
    kept.delete(uid)
  }

  return {
    record(decision) {
      const { uid, namespace, machine } = decision.seen
      const of = kept.get(uid) ?? { namespace, name: machine.metadata.name, decisions: [], last: '' }
      kept.delete(uid)
      kept.set(uid, of)
      const outcome = outcomeOf(decision)
      if (outcome === of.last) return

      of.last = outcome
      const text = written(decision)
      of.decisions.push(text)
      onKept?.({ at: decision.seen.now, namespace, name: of.name, gpuVmUid: uid, record: text })
      held += text.length
      if (of.decisions.length > most) drop(of.decisions.shift())
      while (kept.size > 1 && (kept.size > machines || held > characters)) forgetOldest()
    },
    of: ({ namespace, name }) =>
      [...kept.values()]
        .filter(one => one.namespace === namespace && one.name === name)
        .flatMap(({ decisions }) => decisions),
  }
}

/** All that is told of a decision but its times; two that agree in it are one. */
function outcomeOf({ seen, verdict, hindrance }: Decided): string {
  const { requeueAfterSeconds: _when, ...said }: Verdict = verdict
  const { generation, annotations } = seen.machine.metadata
  return JSON.stringify([generation, annotations, seen.incarnation.number, seen.stream.answering, said, hindrance])
}
