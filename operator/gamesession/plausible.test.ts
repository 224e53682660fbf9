import { expect, test } from 'vitest'
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'
import { plausibleSession } from './plausible.ts'
import { at, sessionOf } from './sights.fixture.ts'

const now = new Date(at(1000))
const mended = (status: GameSessionStatus) => plausibleSession(sessionOf({ status }), now).status

test.each<[what: string, status: GameSessionStatus]>([
  ['an evening as it goes', { billing: { seconds: 300, since: at(600) }, readyAt: at(100) }],
  ['one that has ended', { billing: { seconds: 900, final: true }, endReason: 'PlayerEnded', endedAt: at(990) }],
  ['a start by a clock that goes a little before ours', { billing: { seconds: 0, since: at(1020) } }],
  ['an old status that a backup brought to a new object', { billing: { seconds: 80_000 }, readyAt: at(-90_000) }],
])('%s is left as it is', (_what, status) => {
  const session = sessionOf({ status })
  expect(plausibleSession(session, now)).toBe(session)
})

test.each<[what: string, status: GameSessionStatus, next: GameSessionStatus]>([
  ['more seconds than there were', { billing: { seconds: 99_999 } }, { billing: { seconds: 1060 } }],
  ['played since before it was made', { billing: { seconds: 0, since: at(-5000) } }, { billing: { seconds: 0 } }],
  ['played since tomorrow', { billing: { seconds: 7, since: at(86_400) } }, { billing: { seconds: 7 } }],
  ['final for no reason', { billing: { seconds: 7, since: at(600), final: true } }, { billing: { seconds: 7 } }],
  ['ended for no reason', { billing: { seconds: 7 }, endedAt: at(900) }, { billing: { seconds: 7 } }],
])('I4: %s is put right', (_what, status, next) => {
  expect(mended(status)).toEqual(next)
})
