// Takes note of a machine that a person has let go because Azure can no longer be asked, and lets it go. Until the note
// is on record the machine's object stays, so that it cannot be lost.
import { ABANDON_ANNOTATION, isToBeAbandoned, leftBehind } from '../held.ts'
import { isEnding, type Phase } from './decision.ts'

export const abandonment: Phase = ({ session, observed }) => {
  const leaving = observed.machines.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  const given = leaving.find(({ status }) => leftBehind(status?.conditions) !== undefined)
  if (given) {
    const because = { reason: 'LeftBehind', message: leftBehind(given.status?.conditions) ?? '' }
    return { step: { do: 'LetMachineGo', machine: given, because } }
  }
  const next = leaving.find(machine => !isToBeAbandoned(machine))
  if (next === undefined || !isToBeAbandoned(session) || !isEnding(session)) return {}
  return { step: { do: 'AnnotateMachine', machine: next, annotations: { [ABANDON_ANNOTATION]: '' } } }
}
