// A machine without a bootstrap Secret of its own gets an empty one under its name, before it first boots.
import type { Phase } from './decision.ts'

export const bootstrap: Phase = ({ machine, observed }) => {
  if (machine.spec.bootstrapSecretName !== undefined || observed.hasBootstrapSecret || observed.virtualMachine)
    return {}
  if (machine.spec.powerState !== 'Running') return {}
  const because = { reason: 'Creating', message: 'The machine is prepared.' }
  return { step: { do: 'EnsureBootstrapSecret' }, because, requeueAfterSeconds: 0 }
}
