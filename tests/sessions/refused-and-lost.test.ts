// What a player pays when something refuses, or takes away, what should have told: the API server, the database, a hand.
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { Player } from '../../api/players/players.ts'
import { resume, stop } from '../../api/sessions/commands.ts'
import { compareOnce } from '../../api/sessions/compare.ts'
import { FIELD_MANAGER, SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import { observe } from '../../api/sessions/observe.ts'
import type { Session } from '../../api/sessions/session.ts'
import { settleLost } from '../../api/sessions/settle.ts'
import { watchSessions } from '../../api/sessions/watch.ts'
import { ledgerCommand } from '../../api/wallet/command.ts'
import { openContradictions } from '../../api/wallet/contradictions.ts'
import { growHold, holdOf } from '../../api/wallet/holds.ts'
import { proposedCredits } from '../../api/wallet/proposed-credits.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { type GameSessionStatus, gameSessions } from '../../crds/types/gamesession.ts'
import { END_ANNOTATION } from '../../crds/wished.ts'
import { connect } from '../../lib/database/pool.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { fundedPlayer, silent } from '../money/books.ts'
import { ago, onStage, over, playing, type Stage } from './stage.ts'

let stage: Stage
let player: Player

onStage((opened, funded) => {
  stage = opened
  player = funded
})

const play = () => stage.play({ playerId: player.id })

/** A session that was seen to be played for so long, in closed intervals. */
async function played(seconds: number): Promise<Session> {
  const session = await play()
  await stage.made(session.id)
  await stage.operator(session.id, playing({ seconds, since: ago(5) }))
  // What is queued still is not sent again: its object was there before its item was gone.
  await stage.until('its order is done', async () => {
    return (await stage.database`SELECT FROM queue_items WHERE key = ${session.id} AND dead_at IS NULL`).length === 0
  })
  return await stage.seen(session, 'it is played', ({ told }) => told === 'Ready')
}

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
  const session = await played(120)
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
  const session = await played(120)
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
  const session = await played(120)
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
  const session = await played(120)
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
  const session = await played(120)
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

test('Three broken promises a day are credited; what goes beyond that is proposed once, and a person approves or declines it', async () => {
  const session = await played(120)
  await stage.down()
  const interruptions = [600, 500, 400, 300, 200].map(since => ({
    cause: 'Evicted' as const,
    since: ago(since),
    seconds: 301,
  }))
  const see = async (status: GameSessionStatus) => {
    await stage.operator(session.id, { ...status, interruptions })
    return await observe(stage.outside, await stage.made(session.id))
  }
  expect(await see(playing({ seconds: 130, since: ago(5) }))).toBe('Active')
  const { database } = stage
  const proposed = async () => await proposedCredits(database, { limit: 10 })
  const about = { sessionId: session.id, playerId: player.id, fault: 'RecoverySlow', amountPaise: 1500n }
  expect(await proposed()).toMatchObject([about, about])
  expect(await see(over(140))).toBe('Over')
  expect(await see(over(140))).toBe('Over')
  const [first, second, ...more] = await proposed()
  if (!first || !second) throw new Error('Two were proposed.')
  expect(more).toEqual([])
  const credits = async () => (await stage.told(player.id)).filter(({ type }) => type === 'FaultCredited')
  expect(await credits()).toHaveLength(3)
  // Three times ten minutes at ₹90 an hour, less what was played.
  expect(await balanceOf(stage.database, player.id)).toMatchObject({ availablePaise: 50_000n + 4500n - 350n })

  const ledger = (...words: string[]) => ledgerCommand(words, database, new Date())
  expect(await ledger('proposed')).toContain(
    `${first.id}  ${first.foundAt.toISOString()}  ₹15.00 for player ${player.id}`,
  )
  await expect(ledger('approve', String(first.id))).rejects.toThrow('--author NAME is expected')
  await expect(ledger('decline', String(second.id), '--author', 'asha')).rejects.toThrow('--reason TEXT')
  const both = () => ledger('approve', String(first.id), '--author', 'asha')
  const [one, other] = await Promise.allSettled([both(), both()])
  const [done] = [one, other].flatMap(settled => (settled.status === 'fulfilled' ? [settled.value] : []))
  const [refused] = [one, other].flatMap(settled => (settled.status === 'rejected' ? [String(settled.reason)] : []))
  expect(done).toContain(`Credited, and the player is told, as transaction`)
  expect(refused).toContain(`No credit ${first.id} waits for a decision`)
  expect(await ledger('decline', String(second.id), '--author', 'asha', '--reason', 'Restarted on purpose')).toBe(
    `Credit ${second.id} is declined.`,
  )
  expect(await balanceOf(database, player.id)).toMatchObject({ availablePaise: 50_000n + 6000n - 350n })
  expect(await credits()).toHaveLength(4)
  expect(await ledger('proposed')).toBe('No credit waits for a decision.')
})

test('I4: a settlement that fails after it has drawn a number leaves no gap among the receipts', async () => {
  await stage.down()
  const { database, outside } = stage
  const ended: Session[] = []
  for (let count = 0; count < 3; count += 1) {
    player = await fundedPlayer(database, 50_000n)
    const session = await play()
    await database`UPDATE sessions SET seen_seconds = 120 WHERE id = ${session.id}`
    ended.push(session)
  }
  const [first, second, third] = ended.map(({ id }) => ({ sessionId: id, reason: 'ObjectGone' }) as const)
  if (!first || !second || !third) throw new Error('Three were started.')
  const owner = connect(stage.ownerUrl, { max: 1, applicationName: 'test' })
  // The player is told after the receipt was made.
  await owner.unsafe(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No room on the disk.'; END $$;
    CREATE TRIGGER refused BEFORE INSERT ON queue_items FOR EACH ROW
      WHEN (NEW.topic = 'telegram.notification' AND NEW.key = '${ended[1]?.playerId}') EXECUTE FUNCTION refuse()`)
  await settleLost(outside, first)
  for (let time = 0; time < 2; time += 1)
    await expect(settleLost(outside, second)).rejects.toThrow('No room on the disk.')
  await settleLost(outside, third)
  await owner.unsafe('DROP TRIGGER refused ON queue_items; DROP FUNCTION refuse')
  await owner.end()
  await settleLost(outside, second)
  const rows = await database<{ number: number }[]>`
    SELECT number FROM receipts WHERE session_id IN ${database(ended.map(({ id }) => id))} ORDER BY number`
  const numbers = rows.map(({ number }) => number)
  expect(numbers).toEqual([0, 1, 2].map(later => (numbers[0] ?? 0) + later))
})

test('I7: an object cannot vanish with its bill: its finalizer stays until the last charge is committed', async () => {
  const session = await play()
  await stage.made(session.id)
  const owner = connect(stage.ownerUrl, { max: 1, applicationName: 'test' })
  // A sequence counts what is rolled back, too.
  await owner.unsafe(`
    CREATE SEQUENCE refused;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM nextval('refused'); RAISE 'No room on the disk.'; END $$;
    CREATE TRIGGER refused BEFORE UPDATE ON wallet_holds FOR EACH ROW WHEN (OLD.session_id = '${session.id}')
      EXECUTE FUNCTION refuse()`)
  try {
    await stage.kube.delete(gameSessions, stage.reference(session.id))
    await stage.operator(session.id, over(130))
    await stage.until('it was tried again', async () => {
      const [refused] = await owner<{ last_value: bigint }[]>`SELECT last_value FROM refused`
      return (refused?.last_value ?? 0n) >= 3n
    })
    expect((await stage.object(session.id))?.metadata.finalizers).toContain(SETTLEMENT_FINALIZER)
    expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 0n, isReleased: false })
    expect(await stage.database`SELECT FROM receipts WHERE session_id = ${session.id}`).toHaveLength(0)
  } finally {
    await owner.unsafe('DROP TRIGGER refused ON wallet_holds; DROP FUNCTION refuse; DROP SEQUENCE refused')
    await owner.end()
  }
  await stage.settled(session)
  await stage.until('it is gone', async () => (await stage.object(session.id)) === undefined)
  expect(await holdOf(stage.database, session.id)).toMatchObject({ chargedPaise: 325n, isReleased: true })
  expect(await stage.database`SELECT FROM receipts WHERE session_id = ${session.id}`).toHaveLength(1)
  const plays = await stage.database`SELECT FROM wallet_transactions WHERE session_id = ${session.id} AND kind = 'Play'`
  expect(plays).toHaveLength(1)
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
  const session = await played(120)
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
