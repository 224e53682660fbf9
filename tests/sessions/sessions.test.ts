import { expect, test } from 'vitest'
import type { Player } from '../../api/players/players.ts'
import { active, pause, resume, stop } from '../../api/sessions/commands.ts'
import { SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import { meterOnce } from '../../api/sessions/meter.ts'
import { applySession } from '../../api/sessions/outbox.ts'
import { type Session, sessionById } from '../../api/sessions/session.ts'
import type { StartOrder } from '../../api/sessions/starting.ts'
import { holdOf } from '../../api/wallet/holds.ts'
import { receiptOf } from '../../api/wallet/receipts.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { END_ANNOTATION } from '../../crds/wished.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { fundedPlayer, newPlayer, topUp } from '../money/books.ts'
import { ownersOf } from '../owners.ts'
import { ago, endpoint, onStage, over, playing, type Stage } from './stage.ts'

let stage: Stage
let player: Player

onStage((opened, funded) => {
  stage = opened
  player = funded
})

/** The end is said, and the field left to the hand that paused: nothing was forced. */
async function isToldToEndBeside({ id }: Session): Promise<boolean> {
  const object = await stage.object(id)
  expect(ownersOf(object, 'desiredState')).toEqual(['kubectl-patch'])
  expect(object?.spec.desiredState).toBe('Paused')
  return object?.metadata.annotations?.[END_ANNOTATION] !== undefined
}

const play = (change: Partial<StartOrder> = {}) => stage.play({ playerId: player.id, ...change })
const settled = async (session: Session) => await stage.settled(session)
const freed = async (session: Session) => await stage.freed(session)
const types = async () => (await stage.told(player.id)).map(({ type }) => type)
const seen: Stage['seen'] = async (...about) => await stage.seen(...about)

test('An evening: started, played, evicted, recovered, paused by an SRE, stopped, and settled to the second', async () => {
  const session = await play()
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ heldPaise: 2250n })
  const object = await stage.made(session.id)
  expect(object).toMatchObject({
    metadata: {
      name: `gs-${session.id}`,
      finalizers: [SETTLEMENT_FINALIZER],
      labels: { 'app.kubernetes.io/managed-by': 'wasd-api', 'wasd.cloud/player': player.id },
    },
    spec: {
      player: player.id,
      game: 'quake',
      tier: 'standard',
      regions: ['centralindia'],
      paidSeconds: 900,
      desiredState: 'Running',
    },
  })
  expect(object.spec.ttlSecondsAfterFinished).toBe(3600)
  expect(object.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['wasd-api'])

  await stage.operator(session.id, playing({ seconds: 0, since: ago(5) }))
  await seen(session, 'it is played', ({ told }) => told === 'Ready')
  expect(await active(stage.database, { playerId: player.id, now: new Date() })).toMatchObject({ state: 'Playing' })

  // The hold grows when half a block is left, by four blocks where the wallet is full, and paidSeconds with it.
  await stage.operator(session.id, playing({ seconds: 0, since: ago(460) }))
  await stage.until('paidSeconds has grown', async () => (await stage.object(session.id))?.spec.paidSeconds === 4500)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ paidSeconds: 4500n, heldPaise: 11_250n })

  const interruption = { cause: 'Evicted', since: ago(60) } as const
  await stage.operator(session.id, {
    phase: 'Recovering',
    endpoint,
    billing: { seconds: 400 },
    interruptions: [interruption],
  })
  await seen(session, 'it recovers', ({ told }) => told === 'Recovering')
  await stage.until(
    'what is closed is charged',
    async () => (await holdOf(stage.database, session.id))?.chargedPaise === 1000n,
  )
  const interruptions = [{ ...interruption, seconds: 47 }]
  await stage.operator(session.id, { ...playing({ seconds: 400, since: ago(10) }), interruptions })
  await seen(session, 'it has recovered', ({ told }) => told === 'Ready')

  // An SRE's hand on it is adopted; the player's resume does not fight it; the player's stop wins.
  const { reference, kube } = stage
  await kube.mergePatch(
    gameSessions,
    reference(session.id),
    { spec: { desiredState: 'Paused' } },
    { fieldManager: 'kubectl-patch' },
  )
  await stage.operator(session.id, { phase: 'Paused', endpoint, billing: { seconds: 410 }, interruptions })
  await seen(session, 'it is paused', ({ told, desiredState }) => told === 'Paused' && desiredState === 'Paused')
  await resume(stage.commands, { playerId: player.id })
  await seen(session, 'the command is through', ({ command, commandApplied }) => command === commandApplied)
  expect((await stage.object(session.id))?.spec.desiredState).toBe('Paused')
  expect((await sessionById(stage.database, session.id))?.desiredState).toBe('Paused')
  await stop(stage.commands, { playerId: player.id })
  await stop(stage.commands, { playerId: player.id })
  await stage.until('it is told to end', async () => await isToldToEndBeside(session))
  expect(await active(stage.database, { playerId: player.id, now: new Date() })).toMatchObject({ state: 'Stopping' })

  await stage.operator(session.id, { ...over(410), interruptions })
  await settled(session)
  await freed(session)
  // When it was made, and when more was paid; no command is a reason to say it again.
  expect(await stage.identitiesApplied(session)).toBe(2)
  // floor(9000 x 410 / 3600)
  expect(await holdOf(stage.database, session.id)).toMatchObject({
    chargedPaise: 1025n,
    heldPaise: 0n,
    isReleased: true,
  })
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 48_975n, heldPaise: 0n })
  expect(await types()).toEqual([
    'SessionReady',
    'SessionRecovering',
    'SessionRecovered',
    'SessionPaused',
    'SessionEnded',
  ])
  expect((await stage.told(player.id)).at(-1)).toEqual({
    type: 'SessionEnded',
    receipt: {
      ...{ game: 'quake', tier: 'standard', ratePaisePerHour: '9000', playedSeconds: 410 },
      ...{ chargedPaise: '1025', repaidPaise: '0', balancePaise: '48975', endReason: 'PlayerEnded' },
      interruptions: [{ cause: 'Evicted', seconds: 47 }],
      document: {
        ...{ sessionId: session.id, number: expect.stringMatching(/^\d\d-\d\d\/\d{7}$/) },
        ...{ taxName: 'GST', taxBasisPoints: 1800, taxPaise: '156' },
      },
    },
  })
  // What the receipt tells: the stretches with what each cost, and the gap that cost nothing.
  const document = await receiptOf(stage.database, { playerId: player.id, sessionId: session.id })
  expect(document?.totalPaise).toBe(1025n)
  expect(document?.lines.map(({ kind, seconds, paise }) => [kind, seconds, paise])).toEqual([
    ['Play', 400, 1000],
    ['Interruption', 47, 0],
    ['Play', 10, 25],
  ])
  expect(await active(stage.database, { playerId: player.id, now: new Date() })).toBeUndefined()
  expect(await kube.delete(gameSessions, reference(session.id))).toBe('Deleted')
  await stage.until('it is gone', async () => (await stage.object(session.id)) === undefined)
  expect(stage.raised).toEqual([])
})

test('I8: what cannot be started is refused with its code, and nothing is left behind', async () => {
  await expect(play({ game: 'nope' })).rejects.toMatchObject({ code: 'GameUnknown' })
  await expect(play({ game: 'constructor' })).rejects.toMatchObject({ code: 'GameUnknown' })
  await expect(play({ tier: 'nope' })).rejects.toMatchObject({ code: 'TierUnknown' })
  await expect(play({ tier: 'ultra' })).rejects.toMatchObject({ code: 'TierUnknown' }) // Not one of this game's.
  await expect(play({ regions: ['nowhere'] })).rejects.toMatchObject({ code: 'RegionUnknown' })
  const { id: poor } = await newPlayer(stage.database)
  await expect(play({ playerId: poor })).rejects.toMatchObject({
    code: 'InsufficientFunds',
    funds: { neededPaise: 150n, availablePaise: 0n },
  })
  await expect(stop(stage.commands, { playerId: player.id })).rejects.toMatchObject({ code: 'NoSession' })
  expect(await stage.database`SELECT FROM sessions WHERE player_id IN (${player.id}, ${poor})`).toHaveLength(0)
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ heldPaise: 0n })
})

test('One player plays one session: of ten starts at once one is made', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => play()))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'SessionActive' } })
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ heldPaise: 2250n })
  await stop(stage.commands, { playerId: player.id })
})

test('Stopped before it came to the cluster, it is never made, and nothing is charged', async () => {
  await stage.down()
  const session = await play()
  await pause(stage.commands, { playerId: player.id })
  await stop(stage.commands, { playerId: player.id })
  await expect(resume(stage.commands, { playerId: player.id })).rejects.toMatchObject({ code: 'SessionEnding' })
  stage.up()
  await settled(session)
  expect(await stage.object(session.id)).toBeUndefined()
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 50_000n })
})

test('An API that was down for the whole session finds the bill where the operator left it', async () => {
  const session = await play()
  await stage.made(session.id)
  await seen(session, 'it is seen', ({ seen: { version } }) => version !== undefined)
  await stage.down()
  await stage.operator(session.id, { ...over(900), endReason: 'PaidTimeUsed' })
  stage.up()
  await settled(session)
  await freed(session)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 2250n })
  expect((await types()).at(-1)).toBe('SessionEnded')
  expect(stage.raised).toEqual([])
})

test('I4: a final bill of a session that was never Ready is not charged but raised, and the hold is released', async () => {
  const session = await play()
  await stage.made(session.id)
  await stage.operator(session.id, {
    phase: 'Ending',
    endReason: 'PlayerEnded',
    billing: { seconds: 900, final: true },
  })
  await settled(session)
  await freed(session)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 0n, heldPaise: 0n, isReleased: true })
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 50_000n, heldPaise: 0n })
  expect(stage.raised).toMatchObject([{ code: 'FigureImpossible', session: session.id }])
})

test('Grace is free, and a late figure changes nothing', async () => {
  const session = await play()
  await stage.made(session.id)
  await stage.operator(session.id, over(1020))
  await settled(session)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ paidSeconds: 900n, chargedPaise: 2250n })
  await stage.operator(session.id, over(5000))
  await freed(session)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 2250n })
  expect((await types()).filter(type => type === 'SessionEnded')).toHaveLength(1)
  expect(stage.raised).toEqual([])
})

test('An object that vanishes with its bill is charged for what was last seen, raised, and never made again', async () => {
  const session = await play()
  await stage.made(session.id)
  await stage.operator(session.id, playing({ seconds: 120, since: ago(30) }))
  await seen(session, 'it is played', ({ told }) => told === 'Ready')
  // By a hand that strips the finalizer.
  await stage.kube.mergePatch(gameSessions, stage.reference(session.id), { metadata: { finalizers: null } })
  await stage.kube.delete(gameSessions, stage.reference(session.id))
  expect(await settled(session)).toMatchObject({ endReason: 'ObjectGone' })
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 300n, isReleased: true })
  expect(stage.raised).toMatchObject([{ code: 'ObjectGone', session: session.id }])
  await applySession(stage.outside, { sessionId: session.id }, new AbortController().signal)
  expect(await stage.object(session.id)).toBeUndefined()
})

test('A consumed object is not made again, even when it goes between look and apply', async () => {
  const session = await play()
  await stage.made(session.id)
  await stage.down()
  await stage.database`UPDATE sessions SET object_uid = '00000000-0000-4000-8000-00000000dead' WHERE id = ${session.id}`
  await applySession(stage.outside, { sessionId: session.id }, new AbortController().signal)
  expect(await sessionById(stage.database, session.id)).toMatchObject({ endReason: 'ObjectForeign' })
  expect(stage.raised).toMatchObject([{ code: 'ObjectForeign' }])
})

test('A start that the API server refuses for good ends, gives the money back, and is told', async () => {
  const session = await play()
  await stage.down()
  const other = await fundedPlayer(stage.database, 1000n)
  const refused = await play({ playerId: other.id })
  await stage.database`UPDATE sessions SET game = 'Not_A_Key' WHERE id = ${refused.id}`
  stage.up()
  expect(await settled(refused)).toMatchObject({ endReason: 'Refused' })
  // All of it is back, and ten minutes of play on top: it is our fault.
  expect(await balanceOf(stage.database, other.id)).toMatchObject({ availablePaise: 2500n })
  expect((await stage.told(other.id)).map(({ type }) => type)).toEqual(['FaultCredited', 'SessionFailed'])
  await stop(stage.commands, { playerId: session.playerId })
})

test('A start that could not be applied within ten minutes lapses; a stop never does', async () => {
  await stage.down()
  const session = await play()
  const { signal } = new AbortController()
  const late = { ...stage.outside, clock: { ...systemClock, now: () => new Date(Date.now() + 601_000) } }
  await applySession(late, { sessionId: session.id }, signal)
  expect(await stage.object(session.id)).toBeUndefined()
  expect(await sessionById(stage.database, session.id)).toMatchObject({ endReason: 'StartLapsed' })
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 51_500n })

  const second = await play()
  await applySession(stage.outside, { sessionId: second.id }, signal)
  await stop(stage.commands, { playerId: player.id })
  await applySession(late, { sessionId: second.id }, signal)
  expect((await stage.object(second.id))?.spec.desiredState).toBe('Ended')
})

test('A session that fails is told once, ended, and makes room for the next', async () => {
  const session = await play()
  await stage.made(session.id)
  const condition = { reason: 'GameUnknown', message: 'No such game. Known are: doom.', lastTransitionTime: ago(1) }
  const conditions = [{ type: 'Stalled', status: 'True' as const, ...condition }]
  await stage.operator(session.id, { phase: 'Failed', conditions })
  await stage.until('it is told to end', async () => (await stage.object(session.id))?.spec.desiredState === 'Ended')
  await stage.operator(session.id, over(0))
  await settled(session)
  expect(await stage.told(player.id)).toMatchObject([
    { type: 'SessionFailed', message: 'No such game. Known are: doom.' },
    { type: 'FaultCredited', amountPaise: '1500', reason: 'Your session could not be started.' },
  ])
  await play()
  await stop(stage.commands, { playerId: player.id })
})

test('The wallet runs dry: the hold takes what there is, the player is warned once at each threshold, and a top-up clears it', async () => {
  await stage.down()
  player = await fundedPlayer(stage.database, 3000n) // 1200 s at ₹90 an hour.
  const session = await play()
  const meterAt = async (playedSeconds: number) => {
    const since = new Date(Date.now() - playedSeconds * 1000)
    await stage.database`UPDATE sessions SET seen_since = ${since}, meter_at = ${new Date(0)} WHERE id = ${session.id}`
    await meterOnce(stage.outside)
  }
  await meterAt(100)
  expect(await types()).toEqual([])
  for (const played of [610, 620, 700]) await meterAt(played)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ paidSeconds: 1200n, heldPaise: 3000n })
  for (const played of [950, 1000, 1100, 1150, 1199]) await meterAt(played)
  expect(await stage.told(player.id)).toEqual([9, 4, 1].map(minutesLeft => ({ type: 'BalanceLow', minutesLeft })))
  await topUp(stage.database, { playerId: player.id, amountPaise: 1000n })
  await meterAt(1199)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ paidSeconds: 1600n, heldPaise: 4000n })
  await topUp(stage.database, { playerId: player.id, amountPaise: 100_000n })
  await meterAt(1500)
  expect(await sessionById(stage.database, session.id)).toMatchObject({ toldMinutesLeft: undefined })
  expect((await types()).filter(type => type === 'BalanceLow')).toHaveLength(3) // Nothing more.
  await stop(stage.commands, { playerId: player.id })
})
