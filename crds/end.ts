// How a session is told to end, by either of two words. `desiredState` belongs to whoever last set it; the annotation is for
// those who must end a session and may not take the field from another's hand: the API, when its player stops.
import type { GameSession } from './types/gamesession.ts'

/** Its value does not matter. */
export const END_ANNOTATION = 'wasd.cloud/end'

export function isToldToEnd({ spec, metadata }: GameSession): boolean {
  return spec.desiredState === 'Ended' || metadata.annotations?.[END_ANNOTATION] !== undefined
}
