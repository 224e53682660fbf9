// A change of mind about size or priority: Azure allows neither on a running machine, so a successor is begun on the
// same disk. After an eviction the incarnation's priority rules until somebody changes the spec's.
import type { Phase, Verdict } from './decision.ts'

export const change: Phase = ({ machine, observed, incarnation }): Verdict => {
  const { spec } = machine
  if (spec.powerState !== 'Running') return {} // A stopped machine follows when it is next started.

  if (incarnation.specPriority !== spec.priority) {
    const message = `The spec's priority became ${spec.priority}; the machine is rebuilt from the same disk.`
    return {
      step: { do: 'BeginIncarnation', priority: spec.priority, reason: 'PriorityChanged' },
      because: { reason: 'PriorityChanged', message },
      requeueAfterSeconds: 0,
    }
  }
  const size = observed.virtualMachine?.size
  if (size !== undefined && size.toLowerCase() !== spec.size.toLowerCase()) {
    const message = `The spec's size became ${spec.size}; the machine is rebuilt from the same disk.`
    return {
      step: { do: 'BeginIncarnation', priority: incarnation.priority, reason: 'SizeChanged' },
      because: { reason: 'SizeChanged', message },
      requeueAfterSeconds: 0,
    }
  }
  return {}
}
