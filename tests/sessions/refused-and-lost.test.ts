// What a player pays when the API server refuses, or a hand takes away, what should have told.
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { Player } from '../../api/players/players.ts'
import { resume, stop } from '../../api/sessions/commands.ts'
import { compareOnce } from '../../api/sessions/compare.ts'
import { FIELD_MANAGER, SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import type { Session } from '../../api/sessions/session.ts'
import { settleLost } from '../../api/sessions/settle.ts'
import { watchSessions } from '../../api/sessions/watch.ts'
import { openContradictions } from '../../api/wallet/contradictions.ts'
import { growHold, holdOf } from '../../api/wallet/holds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { END_ANNOTATION } from '../../crds/wished.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { silent } from '../money/books.ts'
import { onStage, over, type Stage } from './stage.ts'

let stage: Stage
let player: Player

onStage((opened, funded) => {
  stage = opened
  player = funded
})

const play = () => stage.play({ playerId: player.id })

/** By a hand that strips the finalizer. */
async function takenAway({ id }: Session): Promise<void> {
  await stage.kube.mergePatch(gameSessions, stage.reference(id), { metadata: { finalizers: null } })
  await stage.kube.delete(gameSessions, stage.reference(id))
  await stage.until('it is gone', async () => (await stage.object(id)) === undefined)
}

/** Compares as a program does that came up after all of it. The number of sessions that were sent to the cluster. */
async function compared(): Promise<number> {
  const runtime = { clock: systemClock, random: Math.random, log: silent, metrics: kubeMetrics(new Registry()) }
  const { reflector } = watchSessions(stage.outside, runtime)
  const stopping = new AbortController()
  const running = reflector.run(stopping.signal)
  await reflector.synced
  const late = { ...stage.outside, clock: { ...systemClock, now: () => new Date(Date.now() + 31_000) } }
  const sent = await compareOnce(late, reflector, stopping.signal)
  stopping.abort()
  await running
  return sent
}

/** What a person is to look at. */
async function open(): Promise<string[]> {
  const found = await openContradictions(stage.database, { limit: 10 })
  return found.map(({ code, subject }) => `${code}, ${subject}`).filter(each => !each.startsWith('ObjectUnknown'))
}

async function stopped(): Promise<void> {
  await stop({ database: stage.database }, { playerId: player.id })
}

test('I3: a stop reaches the machine though the rest of the session is refused, which is raised once', async () => {
  const session = await stage.played(120, player)
  await stage.database`UPDATE sessions SET tier = 'other' WHERE id = ${session.id}` // The server lets no tier change.
  await stopped()
  await stage.until('it is told to end', async () => (await stage.object(session.id))?.spec.desiredState === 'Ended')
  await stage.operator(session.id, over(130))
  await stage.settled(session)
  await stage.freed(session)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 325n, isReleased: true })
  expect(stage.raised).toMatchObject([{ code: 'ChangeRefused', session: session.id }])
})

test('I3: a stop beside an SRE’s desired state is said again when its annotation is taken off before anybody looked', async () => {
  const session = await stage.played(120, player)
  const { kube } = stage
  const at = stage.reference(session.id)
  await kube.mergePatch(gameSessions, at, { spec: { desiredState: 'Paused' } }, { fieldManager: 'kubectl-patch' })
  await stopped()
  const said = async () => (await stage.made(session.id)).metadata.annotations?.[END_ANNOTATION]
  await stage.until('it is told to end', async () => (await said()) !== undefined)
  await stage.seen(session, 'the command is through', ({ command, commandApplied }) => command === commandApplied)
  await kube.mergePatch(gameSessions, at, { metadata: { annotations: { [END_ANNOTATION]: null } } })
  const { metadata } = await stage.made(session.id)
  await stage.seen(session, 'that is seen', ({ seen: { version } }) => version === metadata.resourceVersion)
  await expect(resume({ database: stage.database }, { playerId: player.id })).rejects.toMatchObject({
    code: 'SessionEnding',
  })

  expect(await compared()).toBe(1)
  await stage.until('it is told once more', async () => (await said()) !== undefined)
  expect(await compared()).toBe(0)
  expect((await stage.made(session.id)).spec.desiredState).toBe('Paused')
  await stage.operator(session.id, over(120))
  expect(await stage.settled(session)).toMatchObject({ endReason: 'PlayerEnded' })
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 300n, isReleased: true })
})

test('A live session whose identity is refused is one dead letter, however often it is tried, and is applied once it is mended', async () => {
  const session = await stage.played(120, player)
  const { database } = stage
  const letters = async () =>
    (await database`SELECT FROM queue_items WHERE key = ${session.id} AND dead_at IS NOT NULL`).length
  const tried = async () => {
    expect(await compared()).toBe(1)
    await stage.until('it was tried', async () => {
      const waiting = await database`SELECT FROM queue_items WHERE key = ${session.id} AND dead_at IS NULL`
      return waiting.length === 0
    })
  }
  // More is paid for than the cluster knows of, and the server lets no tier change.
  await database`UPDATE sessions SET tier = 'other' WHERE id = ${session.id}`
  await growHold(database, { sessionId: session.id, playerId: player.id, paidSeconds: 1800n, now: new Date() })
  for (let time = 0; time < 3; time += 1) await tried()
  expect(await letters()).toBe(1)
  expect(stage.raised).toMatchObject([{ code: 'ChangeRefused', session: session.id }])
  const counted = (word: string) => stage.outcomes.filter(outcome => outcome === word).length
  await stage.until('each try is counted', async () => counted('Known') >= 2)
  expect(counted('Dead')).toBe(1)

  // Refused for one more reason it is another one; the server names the two in any order.
  await database`UPDATE sessions SET game = 'doom' WHERE id = ${session.id}`
  for (let time = 0; time < 6; time += 1) await tried()
  expect(await letters()).toBe(2)
  expect(stage.raised).toHaveLength(1) // It is one contradiction, until it is mended.
  expect(await open()).toEqual([`ChangeRefused, session ${session.id}`])

  await database`UPDATE sessions SET tier = 'standard', game = 'quake' WHERE id = ${session.id}`
  await tried()
  expect((await stage.object(session.id))?.spec.paidSeconds).toBe(1800)
  expect(await open()).toEqual([])
  expect(await compared()).toBe(0)
  await database`DELETE FROM queue_items WHERE key = ${session.id} AND dead_at IS NOT NULL`
  await stopped()
  await stage.operator(session.id, over(130))
  await stage.settled(session)
})

test('I7: an object that went while nobody looked is found by comparing: charged for what was seen, and over', async () => {
  const session = await stage.played(120, player)
  await stage.down()
  await takenAway(session)
  expect(await compared()).toBe(1)
  stage.up()
  expect(await stage.settled(session)).toMatchObject({ endReason: 'ObjectGone' })
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 300n, isReleased: true })
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 49_700n, heldPaise: 0n })
  expect(stage.raised).toMatchObject([{ code: 'ObjectGone', session: session.id, chargedSeconds: 120 }])
  await stage.made((await play()).id)
  await stopped()
})

test('I7: one made again under its name, with a bill of its own, is not paid for', async () => {
  const session = await stage.played(120, player)
  const { metadata, ...object } = await stage.made(session.id)
  await stage.down()
  await takenAway(session)
  const { labels = {} } = metadata
  const copy = {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: { ...stage.reference(session.id), labels },
  }
  await stage.kube.apply(gameSessions, { ...copy, spec: object.spec }, { fieldManager: 'restore' })
  await stage.operator(session.id, over(900))
  expect(labels).toMatchObject({ 'app.kubernetes.io/managed-by': FIELD_MANAGER })

  await compared()
  expect(await stage.settled(session)).toMatchObject({ endReason: 'ObjectForeign' })
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 300n, isReleased: true })
  expect(stage.raised).toMatchObject([{ code: 'ObjectForeign', chargedSeconds: 120 }])
  await stage.kube.delete(gameSessions, stage.reference(session.id))
})

test('Compared in both directions: what the queue lost is applied, what our books do not know is raised and left alone', async ({
  onTestFinished,
}) => {
  await stage.down()
  const session = await play()
  await stage.database`DELETE FROM queue_items WHERE topic = 'kubernetes.session'`
  const stranger = {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: {
      ...stage.reference('01jdzzzzzzzzzzzzzzzzzzzzzz'),
      labels: { 'app.kubernetes.io/managed-by': 'wasd-api' },
      finalizers: [SETTLEMENT_FINALIZER],
    },
    spec: { player: 'somebody', game: 'quake', tier: 'standard', regions: ['centralindia'] },
  }
  await stage.kube.apply(gameSessions, stranger, { fieldManager: 'test' })
  const runtime = { clock: systemClock, random: Math.random, log: silent, metrics: kubeMetrics(new Registry()) }
  const { reflector } = watchSessions(stage.outside, runtime)
  const stopping = new AbortController()
  const running = reflector.run(stopping.signal)
  onTestFinished(async () => {
    stopping.abort() // A watch left open keeps the server from stopping.
    await running
  })
  await reflector.synced

  expect(await compareOnce(stage.outside, reflector, stopping.signal)).toBe(0) // Too young to be missed.
  const late = { ...stage.outside, clock: { ...systemClock, now: () => new Date(Date.now() + 31_000) } }
  expect(await compareOnce(late, reflector, stopping.signal)).toBe(1)
  expect(await compareOnce(late, reflector, stopping.signal)).toBe(0) // It is queued.
  const unknown = stage.raised.filter(({ code }) => code === 'ObjectUnknown')
  expect(unknown).toMatchObject([{ name: stranger.metadata.name }]) // Found by both, and by the program that runs.
  expect((await stage.kube.get(gameSessions, stranger.metadata))?.spec.desiredState).toBe('Running')

  stage.up()
  await stage.made(session.id)
  await stop(stage.commands, { playerId: player.id })
})

test('A session that is over in our books is told to end beside whoever holds its desired state, and let go of', async () => {
  const session = await stage.played(120, player)
  await stage.down()
  const at = stage.reference(session.id)
  const running = { spec: { desiredState: 'Running' } } as const
  await stage.kube.apply(
    gameSessions,
    { apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession', metadata: at, ...running },
    { fieldManager: 'kubectl' },
  )
  await settleLost(stage.outside, { sessionId: session.id, reason: 'ObjectGone' })
  stage.up()
  await stage.freed(session)
  expect(await stage.made(session.id)).toMatchObject({
    metadata: { annotations: { [END_ANNOTATION]: '' } },
    ...running,
  })
})
