// What is wished of a session. `desiredState` belongs to whoever last set it; the annotations are for those who may not take
// the field from another's hand: the API, when its player pauses or stops. A stop wins over all, a pause over playing on.
import type { GameSession } from './types/gamesession.ts'

/** Its value does not matter, nor does the next one's. */
export const END_ANNOTATION = 'wasd.cloud/end'
export const PAUSE_ANNOTATION = 'wasd.cloud/pause'

export function wishedState(session: GameSession): GameSession['spec']['desiredState'] {
  const { desiredState } = session.spec
  if (isToldToEnd(session)) return 'Ended'
  return isPausedBeside(session) ? 'Paused' : desiredState
}

export function isToldToEnd({ spec, metadata }: GameSession): boolean {
  return spec.desiredState === 'Ended' || metadata.annotations?.[END_ANNOTATION] !== undefined
}

/** By the annotation, while the field says otherwise. */
export function isPausedBeside({ spec, metadata }: GameSession): boolean {
  return spec.desiredState === 'Running' && metadata.annotations?.[PAUSE_ANNOTATION] !== undefined
}
