// A session that was restored from a backup has a new UID, and the GpuVm that came back with it names the old one as
// its owner. The name is borne by one session at a time, so that the old one is nowhere: the machine is this session's,
// if it is the same player's, and is made so before anything else is decided.
import type { Phase } from './decision.ts'

export const inheritance: Phase = ({ observed }) => {
  const [machine] = observed.inherited
  return machine ? { step: { do: 'TakeOver', machine } } : {}
}
