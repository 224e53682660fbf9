// Keeps, for each machine, what its last decisions were made from: enough to tell why each thing happened, and to
// decide again from the record. Bounded: the oldest decisions go first, and machines that nobody decided on lately.
//
// Decisions are long and much alike, so that they are kept deflated, by the first of them as a dictionary: to a tenth,
// and outside of V8's heap, which has to hold the fleet.
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Decided } from '../gpuvm/controller.ts'
import type { Verdict } from '../gpuvm/decision.ts'
import type { KeptDecision, MachineName } from '../history/history.ts'
import { written } from './record.ts'

/** Decisions kept of one machine. A life with an eviction and a pause takes some thirty. */
const DECISIONS = 100
/** Machines kept. */
const MACHINES = 5000
/** Bytes kept in all; of a decision's some 5,000 characters about 500 are left. */
const BYTES = 16 * 1024 * 1024

export interface FlightRecorder {
  /** Never throws. What says the same as the decision before it is counted there and not kept again. */
  record(decision: Decided): void
  /** The decisions on the machine of this name, as JSON texts, the oldest first; empty when it is not known. */
  of(machine: MachineName): string[]
}

interface Kept {
  namespace: string
  name: string
  decisions: Uint8Array[]
  last: string
}

export function flightRecorder(
  options: {
    decisions?: number
    machines?: number
    bytes?: number
    /** Each that is kept, for a memory that outlives the process. */
    onKept?: (decision: KeptDecision) => void
  } = {},
): FlightRecorder {
  const { decisions: most = DECISIONS, machines = MACHINES, bytes = BYTES, onKept } = options
  /** By UID; in the order of their last decision. */
  const kept = new Map<string, Kept>()
  let held = 0
  let dictionary: Buffer | undefined

  /** Copied, since what zlib gives is the beginning of 16 KiB that it would hold. */
  function deflated(text: string): Uint8Array {
    dictionary ??= Buffer.from(text)
    return new Uint8Array(deflateRawSync(text, { dictionary }))
  }

  function drop(decision: Uint8Array | undefined): void {
    held -= decision?.length ?? 0
  }

  function forgetOldest(): void {
    const [oldest] = kept
    if (oldest === undefined) return
    const [uid, { decisions }] = oldest
    for (const decision of decisions) drop(decision)
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
      onKept?.({ at: decision.seen.now, namespace, name: of.name, gpuVmUid: uid, record: text })
      const compact = deflated(text)
      of.decisions.push(compact)
      held += compact.length
      if (of.decisions.length > most) drop(of.decisions.shift())
      while (kept.size > 1 && (kept.size > machines || held > bytes)) forgetOldest()
    },
    of: ({ namespace, name }) =>
      [...kept.values()]
        .filter(one => one.namespace === namespace && one.name === name)
        .flatMap(({ decisions }) => decisions.map(compact => inflateRawSync(compact, { dictionary }).toString())),
  }
}

/** All that is told of a decision but its times; two that agree in it are one. */
function outcomeOf({ seen, verdict, hindrance }: Decided): string {
  const { requeueAfterSeconds: _when, ...said }: Verdict = verdict
  const { generation, annotations } = seen.machine.metadata
  return JSON.stringify([generation, annotations, seen.incarnation.number, seen.stream.answering, said, hindrance])
}
