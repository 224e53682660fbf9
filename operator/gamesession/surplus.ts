// Gives up every machine of a session but one: restored objects and edited owners can leave it with more.
import type { Phase } from './decision.ts'

export const surplus: Phase = ({ observed }) => {
  const machine = observed.machines.slice(1).find(({ metadata }) => metadata.deletionTimestamp === undefined)
  return machine ? { step: { do: 'DeleteMachine', machine } } : {}
}
