// Whose turn it is among the sessions of one player.
import { expect, test } from 'vitest'
import { turnOf } from './contention.ts'
import { at, catalogue, type SessionFixture, sessionOf } from './sights.fixture.ts'

type RivalFixture = SessionFixture & { holdsMachine?: boolean }

/** Who is waited for, by name; `undefined` when it is the session's turn. */
function waitsFor(session: SessionFixture, ...others: RivalFixture[]): string | undefined {
  const rivals = others.map(({ holdsMachine = false, ...fixture }) => ({ session: sessionOf(fixture), holdsMachine }))
  const waiting = turnOf({ session: sessionOf(session), observed: { rivals }, catalogue })
  expect(waiting?.reason).toBe(waiting && 'PlayerBusy')
  return waiting && /session play\/(\S+) already/.exec(waiting.message)?.[1]
}

const made = (name: string, seconds: number, uid = `uid-${name}`) => ({
  name,
  metadata: { uid, creationTimestamp: at(seconds) },
})

test('I1: the oldest by creation is next, and of one second the first by UID, whichever of them asks', () => {
  const [first, second, third] = [made('first', 0, 'z'), made('second', 5, 'a'), made('third', 5, 'b')]
  expect(waitsFor(first, second, third)).toBeUndefined()
  expect(waitsFor(second, third, first)).toBe('first')
  expect(waitsFor(third, second, first)).toBe('first')
  expect(waitsFor(second, third)).toBeUndefined()
  expect(waitsFor(third, second)).toBe('second')
})

test('I1: who has a machine keeps the turn, however young', () => {
  const [old, young] = [made('old', 0), made('young', 9)]
  expect(waitsFor(old, { ...young, holdsMachine: true })).toBe('young')
  expect(waitsFor(young, old)).toBe('old')
})

test('who cannot begin, or is not to, holds nobody up', () => {
  const young = made('young', 9)
  const { name, metadata } = made('old', 0)
  const suspended = { name, metadata: { ...metadata, annotations: { 'wasd.cloud/suspend': '' } } }
  expect(waitsFor(young, suspended)).toBeUndefined()
  expect(waitsFor(young, { name, metadata, spec: { game: 'tetris' } })).toBeUndefined()
  expect(waitsFor(young, { name, metadata, spec: { desiredState: 'Paused' } })).toBeUndefined()
  expect(waitsFor(young, { name, metadata, spec: { desiredState: 'Ended' } })).toBeUndefined()
})
