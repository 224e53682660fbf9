import { expect, test } from 'vitest'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { Session, Told } from './session.ts'
import { tellingOf } from './telling.ts'

const now = new Date('2026-11-23T12:00:00Z')

function session(told: Told, toldInterruption?: string): Session {
  const seen = {
    version: '1',
    phase: undefined,
    host: undefined,
    seconds: 0n,
    since: undefined,
    readyAt: undefined,
    interruptions: [],
  }
  return {
    ...{ id: 'one', playerId: 'asha', game: 'quake', tier: 'standard', regions: ['centralindia'], createdAt: now },
    ...{ desiredState: 'Running', command: 0n, commandApplied: 0n, objectUid: 'uid', seen },
    ...{ told, toldInterruption, toldMinutesLeft: undefined, meterAt: now, endedAt: undefined, endReason: undefined },
  }
}

function object(status: GameSessionStatus): GameSession {
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: { name: 'gs-one' },
    spec: {
      ...{ player: 'asha', game: 'quake', tier: 'standard', regions: ['centralindia'] },
      ...{ capacity: { preference: 'SpotFirst' }, stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 } },
      ...{ desiredState: 'Running', disconnectGraceSeconds: 0, idleTimeoutSeconds: 0 },
    },
    status,
  }
}

const playing: GameSessionStatus = {
  phase: 'Running',
  endpoint: { host: 'h' },
  billing: { since: '2026-11-23T12:00:00Z' },
}
const pausing: GameSessionStatus = { phase: 'Running', endpoint: { host: 'h' }, billing: { seconds: 60 } }
const gap = { cause: 'Evicted', since: '2026-11-23T11:50:00Z', seconds: 47 } as const
const waiting = (reason: string): GameSessionStatus => {
  const change = { type: 'Ready', status: 'Unknown', message: '', lastTransitionTime: '' } as const
  return { phase: 'Pending', conditions: [{ ...change, reason }] }
}

test.each<[string, Told, GameSessionStatus, string | undefined, Told]>([
  ['nothing of the way there', 'Nothing', { phase: 'Provisioning' }, undefined, 'Nothing'],
  ['nothing of being taken on', 'Nothing', waiting('Pending'), undefined, 'Nothing'],
  ['of waiting for capacity', 'Nothing', waiting('NoCapacity'), 'SessionWaiting', 'Waiting'],
  ['of waiting once', 'Waiting', waiting('NoCapacity'), undefined, 'Waiting'],
  ['that it is ready', 'Nothing', playing, 'SessionReady', 'Ready'],
  ['that it is ready after a wait', 'Waiting', playing, 'SessionReady', 'Ready'],
  ['that it is ready once', 'Ready', playing, undefined, 'Ready'],
  ['of a loss', 'Ready', { phase: 'Recovering' }, 'SessionRecovering', 'Recovering'],
  ['of a loss once', 'Recovering', { phase: 'Recovering' }, undefined, 'Recovering'],
  ['of a recovery', 'Recovering', { ...playing, interruptions: [gap] }, 'SessionRecovered', 'Ready'],
  ['of a recovery whose loss was not seen', 'Ready', { ...playing, interruptions: [gap] }, 'SessionRecovered', 'Ready'],
  ['nothing of a pause under way', 'Ready', pausing, undefined, 'Ready'],
  ['nothing of a recovery that a pause overtakes', 'Recovering', pausing, undefined, 'Recovering'],
  ['of a pause', 'Ready', { phase: 'Paused' }, 'SessionPaused', 'Paused'],
  ['of a pause once', 'Paused', { phase: 'Paused' }, undefined, 'Paused'],
  ['nothing of the way back', 'Paused', { phase: 'Recovering' }, undefined, 'Paused'],
  ['that it goes on', 'Paused', playing, 'SessionResumed', 'Ready'],
  ['of a failure', 'Waiting', { phase: 'Failed' }, 'SessionFailed', 'Failed'],
  ['of a failure once', 'Failed', { phase: 'Failed' }, undefined, 'Failed'],
  ['nothing of the end, which has a receipt', 'Ready', { phase: 'Ending' }, undefined, 'Ready'],
])('The player is told %s', (_, told, status, type, next) => {
  const telling = tellingOf(session(told), object(status))
  expect(telling.notification?.type).toBe(type)
  expect(telling.told).toBe(next)
})

test('A gap that was told of is not told of again', () => {
  const seen = object({ ...playing, interruptions: [gap] })
  const first = tellingOf(session('Recovering'), seen)
  expect(first.notification).toEqual({ type: 'SessionRecovered', sessionId: 'one', host: 'h', seconds: 47 })
  expect(tellingOf(session(first.told, first.toldInterruption), seen).notification).toBeUndefined()
})

test('A gap that is still open ends nothing', () => {
  const { seconds: _, ...open } = gap
  expect(tellingOf(session('Ready'), object({ ...playing, interruptions: [open] })).notification).toBeUndefined()
})
