// What the player is told of what is seen. Level-triggered: from what they were last told and what is so now, so that a
// change that nobody watched is told late, and never twice. Pure.
//
// Nothing: not told of anything yet. Waiting: that no machine is to be had. Ready: that they can play. Recovering: that
// the machine was lost. Paused: that it is paused. Failed: that it cannot be started, which is the last word.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Notification } from '../queue/notifications.ts'
import type { Interruption, Session, Told } from './session.ts'

export interface Telling {
  told: Told
  toldInterruption: string | undefined
  notification: Notification | undefined
}

export function tellingOf(session: Session, object: GameSession): Telling {
  const { told, toldInterruption, id: sessionId, game } = session
  const { phase, billing, endpoint } = object.status ?? {}
  const nothingNew: Telling = { told, toldInterruption, notification: undefined }
  // An open interval is what the player would call playing: the phase stays Running while a pause is under way.
  if (phase === 'Running' && billing?.since !== undefined && endpoint) {
    return playing(session, { host: endpoint.host, interruption: lastOver(object) }) ?? nothingNew
  }
  switch (phase) {
    case 'Pending': {
      const reason = told === 'Nothing' ? waitingSentence(object) : undefined
      return reason === undefined ? nothingNew : tell('Waiting', { type: 'SessionWaiting', reason })
    }
    case 'Recovering':
      // On the way back from a pause nothing was interrupted.
      return told === 'Ready' ? tell('Recovering', { type: 'SessionRecovering', sessionId, game }) : nothingNew
    case 'Paused':
      return told === 'Paused' ? nothingNew : tell('Paused', { type: 'SessionPaused' })
    case 'Failed': {
      const message = condition(object, 'Stalled')?.message ?? 'The session cannot be started.'
      return told === 'Failed' ? nothingNew : tell('Failed', { type: 'SessionFailed', message })
    }
    default:
      return nothingNew
  }

  function tell(next: Told, notification: Notification): Telling {
    return { told: next, toldInterruption, notification }
  }
}

function playing(
  { told, toldInterruption, id: sessionId, game }: Session,
  { host, interruption }: { host: string; interruption: Interruption | undefined },
): Telling | undefined {
  const next = { told: 'Ready', toldInterruption: interruption?.since ?? toldInterruption } as const
  // A short gap may have come and gone between two looks.
  const isMissed = interruption !== undefined && interruption.since > (toldInterruption ?? '')
  switch (told) {
    case 'Nothing':
    case 'Waiting':
      return { ...next, notification: { type: 'SessionReady', sessionId, game, host } }
    case 'Paused':
      return { ...next, notification: { type: 'SessionResumed', host } }
    case 'Recovering':
    case 'Ready': {
      if (told === 'Ready' && !isMissed) return undefined
      const seconds = interruption?.seconds ?? 0
      return { ...next, notification: { type: 'SessionRecovered', sessionId, host, seconds } }
    }
    case 'Failed':
      return undefined
    default:
      return told satisfies never
  }
}

function lastOver({ status }: GameSession): Interruption | undefined {
  return status?.interruptions?.findLast(({ seconds }) => seconds !== undefined)
}

/** The operator's reasons for waiting, in a player's words. Others are on the way and need none. */
const waitingSentences: Record<string, string> = {
  NoCapacity: 'No machine is free at the moment. Yours starts as soon as one is; waiting costs nothing.',
  PriceCap:
    'No machine is to be had at our price at the moment. Yours starts as soon as one is; waiting costs nothing.',
  PlayerBusy: 'Your last session is still being cleared away. This one starts right after it.',
}

function waitingSentence(object: GameSession): string | undefined {
  const reason = condition(object, 'Ready')?.reason
  return reason === undefined ? undefined : waitingSentences[reason]
}

function condition({ status }: GameSession, type: string) {
  return status?.conditions?.find(each => each.type === type)
}
