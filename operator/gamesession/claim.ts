// Puts our finalizer on a session before anything is done for it, so that it cannot vanish with its machine.
import { hasFinalizer } from '../../lib/kube/finalizers.ts'
import { FINALIZER, isEnding, type Phase } from './decision.ts'

export const claim: Phase = ({ session }) =>
  isEnding(session) || hasFinalizer(session, FINALIZER) ? {} : { step: { do: 'AddFinalizer' } }
