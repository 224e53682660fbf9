// The meter over a whole session, with the operator's figures handed in by the test and every clock driven.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bringIn } from '../../api/payments/movements.ts'
import { createTopUp } from '../../api/payments/top-ups.ts'
import { meterOnce } from '../../api/sessions/meter.ts'
import { observe } from '../../api/sessions/observe.ts'
import { objectNameOf, sessionById } from '../../api/sessions/session.ts'
import { start } from '../../api/sessions/starting.ts'
import { openContradictions } from '../../api/wallet/contradictions.ts'
import { holdOf } from '../../api/wallet/holds.ts'
import { price } from '../../api/wallet/price.ts'
import { receiptOf } from '../../api/wallet/receipts.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { isAway } from '../../lib/database/away.ts'
import { connect, type Database } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { type Books, newPlayer, noon, type Raised, raising, sessionTerms } from './books.ts'
import { onBooks } from './on-books.ts'
import { catalogue } from './one-game.ts'
import { paid } from './paid.ts'

let books: Books
let database: Database
const raised: Raised[] = []

onBooks(opened => {
  books = opened
  database = opened.database
}, [])

/** Seconds after the start, by somebody's clock. */
const at = (seconds: number) => new Date(noon.getTime() + seconds * 1000)
const settings = { namespace: 'games', holdBlockSeconds: 900, ttlSeconds: 3600, ...sessionTerms }
const world = (seconds: number) => ({
  database,
  log: raising(raised),
  settings,
  clock: { ...systemClock, now: () => at(seconds) },
})

async function started(amountPaise: bigint) {
  const { id: playerId } = await newPlayer(database)
  await paid(database, { playerId, amountPaise })
  const commands = { database, catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] }
  const session = await start(commands, { playerId, game: 'quake', tier: 'standard', now: noon })
  let version = 0
  const object = (status: GameSessionStatus): GameSession => ({
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: {
      ...{ name: objectNameOf(session.id), namespace: 'games', uid: `uid-${session.id}` },
      resourceVersion: String(++version),
      labels: { 'app.kubernetes.io/managed-by': 'wasd-api' },
    },
    spec: {
      ...{ player: playerId, game: 'quake', tier: 'standard', regions: ['centralindia'], paidSeconds: 900 },
      ...{ capacity: { preference: 'SpotFirst' }, stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 } },
      ...{ desiredState: 'Running', disconnectGraceSeconds: 0, idleTimeoutSeconds: 0 },
    },
    status: { readyAt: at(0).toISOString(), ...status },
  })
  return { playerId, id: session.id, object }
}

const open = (seconds: number, since: number): GameSessionStatus => ({
  phase: 'Running',
  endpoint: { host: '127.64.1.9' },
  billing: { seconds, since: at(since).toISOString() },
})
const final = (seconds: number): GameSessionStatus => ({
  phase: 'Ending',
  endReason: 'PlayerEnded',
  billing: { seconds, final: true },
})

test('I4: skewed clocks, missed ticks, two workers, figures late or twice or never seen: the same total', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('Tick' as const), skew: fc.integer({ min: -30, max: 30 }) }),
    fc.record({ do: fc.constant('TwoTicks' as const), skew: fc.integer({ min: -30, max: 30 }) }),
    fc.record({ do: fc.constant('See' as const) }),
    fc.record({ do: fc.constant('SeeAgain' as const) }),
    fc.record({ do: fc.constant('Nothing' as const) }),
  )
  // A minute and a half each; a gap of play in the middle.
  const course = fc.array(step, { minLength: 8, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(course, async steps => {
      const { playerId, id, object } = await started(100_000n)
      const shown = steps.map((_, index) =>
        object(
          index === 4 ? { phase: 'Recovering', billing: { seconds: 360 } } : index < 4 ? open(0, 0) : open(360, 450),
        ),
      )
      const last = object(final(630))
      for (const [index, one] of steps.entries()) {
        const now = (index + 1) * 90
        const seen = shown[index]
        if (one.do === 'Tick') await meterOnce(world(now + one.skew))
        if (one.do === 'TwoTicks') await Promise.all([meterOnce(world(now)), meterOnce(world(now + one.skew))])
        if (one.do === 'See' && seen) await observe(world(now), seen)
        if (one.do === 'SeeAgain' && seen) await Promise.all([observe(world(now), seen), observe(world(now), seen)])
      }
      await Promise.all([observe(world(730), last), observe(world(730), last), meterOnce(world(730))])
      expect(await observe(world(740), last)).toBe('Over')
      const due = price({ ratePaisePerHour: 9000n, seconds: 630n })
      expect(await holdOf(database, id)).toMatchObject({ chargedPaise: due, isReleased: true })
      expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 100_000n - due, heldPaise: 0n })
      const receipt = await receiptOf(database, { playerId, sessionId: id })
      const played = receipt?.lines.filter(({ kind }) => kind === 'Play').reduce((sum, { seconds }) => sum + seconds, 0)
      expect([receipt?.totalPaise, played]).toEqual([due, 630])
    }),
    { numRuns: 25 },
  )
  expect(raised).toEqual([])
})

test('Two sessions that end at once get numbers without a gap', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => started(10_000n)))
  await Promise.all(all.map(({ object }) => observe(world(400), object(final(300)))))
  const rows = await database<{ number: number }[]>`SELECT number FROM receipts ORDER BY number`
  expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => index + 1))
})

test('The first receipt after midnight of 1 April in India is number 1 of its series, and the one before lacks none', async () => {
  const newYear = (Date.parse('2027-03-31T18:30:00.000Z') - noon.getTime()) / 1000
  const all = await Promise.all([-2, -1, 0, 1].map(async seconds => ({ seconds, ...(await started(10_000n)) })))
  for (const { seconds, object } of all) await observe(world(newYear + seconds), object(final(300)))
  const rows = await database<{ series: string; number: number; session: string }[]>`
    SELECT series, number, session_id AS session FROM receipts ORDER BY series, number`
  const [old, next] = ['26-27', '27-28'].map(series => rows.filter(row => row.series === series))
  expect(rows).toEqual([...(old ?? []), ...(next ?? [])])
  expect(old?.map(({ number }) => number)).toEqual(old?.map((_, index) => index + 1))
  expect(next?.map(({ number }) => number)).toEqual([1, 2])
  expect([...(old ?? []).slice(-2), ...(next ?? [])].map(({ session }) => session)).toEqual(all.map(({ id }) => id))
})

test('The rate is the one of the start, whatever the catalogue says later and whatever machine it moves to', async () => {
  const { playerId, id, object } = await started(50_000n)
  const cheaper = { database, catalogue: () => catalogue(100), holdBlockSeconds: 900, defaultRegions: ['centralindia'] }
  await observe(world(10), object(open(0, 0)))
  const interruptions = [{ cause: 'Evicted' as const, since: at(300).toISOString(), seconds: 60 }]
  const placement = { region: 'centralindia', size: 'Standard_NV36ads_A10_v5', capacityType: 'OnDemand' as const }
  await observe(world(400), object({ ...open(300, 360), interruptions, placement, evictions: 1 }))
  await observe(world(800), object({ ...final(700), interruptions, placement, evictions: 1 }))
  expect(await holdOf(database, id)).toMatchObject({ ratePaisePerHour: 9000n, chargedPaise: 1750n })
  const next = await start(cheaper, { playerId, game: 'quake', tier: 'standard', now: at(900) })
  expect(await holdOf(database, next.id)).toMatchObject({ ratePaisePerHour: 100n })
})

/** Something that befalls whoever changes the hold of this session. Resolves to what ends it. */
const onGrowth = async (how: string, id: string) => {
  const superuser = connect(books.superuserUrl, { max: 1, applicationName: 'saboteur' })
  await superuser.unsafe(`
    CREATE FUNCTION befalls() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN ${how}; RETURN NEW; END $$;
    CREATE TRIGGER befalls BEFORE UPDATE ON wallet_holds FOR EACH ROW WHEN (NEW.session_id = '${id}') EXECUTE FUNCTION befalls()`)
  return async () => {
    await superuser`DROP FUNCTION befalls CASCADE`
    await superuser.end()
  }
}

test('A top-up extends the session that runs in its own transaction, with no tick of a meter', async () => {
  const { playerId, id, object } = await started(2500n) // 1000 s.
  await observe(world(0), object(open(0, 0)))
  await meterOnce(world(950))
  expect(await holdOf(database, id)).toMatchObject({ paidSeconds: 1000n })
  await database`DELETE FROM queue_items WHERE topic = 'kubernetes.session'`
  await database`UPDATE sessions SET seen_since = ${at(-950)} WHERE id = ${id}` // It has played 950 s at noon.
  await paid(database, { playerId, amountPaise: 100_000n })
  expect(await holdOf(database, id)).toMatchObject({ paidSeconds: 1850n })
  const queued = await database`SELECT key FROM queue_items WHERE topic = 'kubernetes.session'`
  expect(queued).toEqual([{ key: id }])
})

describe('A top-up and the extension of the session that runs are one', () => {
  async function toppingUp() {
    const { playerId, id, object } = await started(2500n) // 1000 s.
    await observe(world(0), object(open(0, 0)))
    await meterOnce(world(950))
    await database`DELETE FROM queue_items WHERE key IN (${id}, ${playerId})`
    await database`UPDATE sessions SET seen_since = ${at(-950)} WHERE id = ${id}` // It has played 950 s at noon.
    const order = { playerId, amountPaise: 100_000n, payBy: { rail: 'Razorpay' } as const, now: noon }
    const { id: topUpId } = await createTopUp(database, order)
    const payment = { id: `pay_${topUpId}`, topUpId, paid: { currency: 'INR', units: 100_000n }, hasRefunds: false }
    const pays = async () =>
      await bringIn(database, { rail: 'Razorpay', movements: [{ is: 'Payment', payment }], now: noon })
    /** As one statement sees it, whoever looks: money, extension, what the cluster is to hear and the player is told. */
    const looks = async () =>
      (
        await database`
          SELECT posted_paise AS posted, paid_seconds AS paid, credited_at IS NOT NULL AS credited,
            (SELECT count(*) FROM payments WHERE top_up_id = ${topUpId}) AS payments,
            (SELECT array_agg(topic ORDER BY topic) FROM queue_items WHERE key IN (${id}, ${playerId})) AS queued
          FROM wallet_balances JOIN wallet_holds hold USING (account_id), top_ups
          WHERE hold.session_id = ${id} AND top_ups.id = ${topUpId}`
      )[0]
    const before = { posted: 2500n, paid: 1000n, credited: false, payments: 0n, queued: null }
    const queued = ['kubernetes.session', 'telegram.notification']
    const after = { posted: 102_500n, paid: 1850n, credited: true, payments: 1n, queued }
    expect(await looks()).toEqual(before)
    return { id, pays, looks, before, after }
  }

  test('I4: a program that dies between the two leaves neither, and told again there are both, once', async () => {
    const { id, pays, looks, before, after } = await toppingUp()
    const mend = await onGrowth('PERFORM pg_terminate_backend(pg_backend_pid())', id)
    for (let time = 0; time < 3; time += 1) {
      await expect(pays()).rejects.toSatisfy(isAway)
      expect(await looks()).toEqual(before)
    }
    await mend()
    expect(await pays()).toEqual(['Credited'])
    expect(await looks()).toEqual(after)
    expect(await pays()).toEqual(['AlreadyCredited'])
    expect(await looks()).toEqual(after)
  })

  test('I4: nobody ever sees the one without the other', async () => {
    const { id, pays, looks, before, after } = await toppingUp()
    const mend = await onGrowth('PERFORM pg_advisory_xact_lock(4711)', id)
    const holding = connect(books.url, { max: 1, applicationName: 'holder' })
    await holding`SELECT pg_advisory_lock(4711)`
    const paying = pays()
    // The money is in the wallet by now, and the hold is about to grow.
    await expect
      .poll(
        async () =>
          await database`
      SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`,
      )
      .toHaveLength(1)
    expect(await looks()).toEqual(before)
    await holding`SELECT pg_advisory_unlock(4711)`
    await holding.end()
    expect(await paying).toEqual(['Credited'])
    expect(await looks()).toEqual(after)
    await mend()
  })
})

describe('A session that cannot be metered', () => {
  const paidSecondsOf = async (sessions: { id: string }[]) =>
    await Promise.all(sessions.map(async ({ id }) => (await holdOf(database, id))?.paidSeconds))

  test('keeps no other from it, and is tried many times before what is paid is played', async () => {
    const both = [await started(100_000n), await started(100_000n)] as const
    for (const { object } of both) await observe(world(0), object(open(0, 0)))
    const mend = await onGrowth("RAISE EXCEPTION 'Not this one'", both[0].id)
    await meterOnce(world(460))
    expect(await paidSecondsOf([...both])).toEqual([900n, 4500n])
    for (const second of [465, 470, 475]) await meterOnce(world(second))
    expect(await paidSecondsOf([...both])).toEqual([900n, 4500n])
    await mend()
    await meterOnce(world(480))
    expect(await paidSecondsOf([...both])).toEqual([4500n, 4500n])
  })

  test('because the database went away is not put off at all', async () => {
    const { id, object } = await started(100_000n)
    await observe(world(0), object(open(0, 0)))
    const mend = await onGrowth('PERFORM pg_terminate_backend(pg_backend_pid())', id)
    await expect(meterOnce(world(460))).rejects.toSatisfy(isAway)
    await mend()
    await meterOnce(world(460))
    expect(await paidSecondsOf([{ id }])).toEqual([4500n])
  })
})

test('I4: a figure that cannot be true is not charged but raised', async () => {
  raised.length = 0
  const { playerId, id, object } = await started(50_000n)
  await observe(world(400), object({ phase: 'Recovering', billing: { seconds: 300 } }))
  await meterOnce(world(400))
  await observe(world(500), object({ phase: 'Recovering', billing: { seconds: 100_000 } })) // Far beyond what is paid.
  await observe(world(510), object({ phase: 'Recovering', billing: { seconds: 800 } })) // In 510 s since it was ready.
  await meterOnce(world(600))
  expect(await holdOf(database, id)).toMatchObject({ chargedPaise: 750n })
  expect(await observe(world(600), object(final(1_000_000)))).toBe('Over')
  expect(await holdOf(database, id)).toMatchObject({ chargedPaise: 750n, isReleased: true })
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 49_250n })
  const about = { code: 'FigureImpossible', subject: `session ${id}` }
  expect(raised).toMatchObject([{ ...about, session: id }]) // By the first of the three.
  expect(await openContradictions(database, { limit: 10 })).toMatchObject([about])
})

test('An impossible figure that is true again is no contradiction any more, and told once more when it comes back', async () => {
  raised.length = 0
  const { object } = await started(50_000n)
  const open = async () => (await openContradictions(database, { limit: 10 })).length
  const before = await open()
  const told: number[][] = []
  for (const [at, seconds] of [
    [500, 100_000],
    [510, 300],
    [520, 100_000],
    [530, 300],
  ] as const) {
    for (let replica = 0; replica < 2; replica += 1)
      await observe(world(at), object({ phase: 'Recovering', billing: { seconds } }))
    told.push([raised.length, (await open()) - before])
  }
  expect(told).toEqual([
    [1, 1],
    [1, 0],
    [2, 1],
    [2, 0],
  ])
})

test('A broken promise is paid for once, with its reason, however often it is seen', async () => {
  const { playerId, id, object } = await started(50_000n)
  const readyAt = at(700).toISOString()
  const slow = [{ cause: 'Evicted' as const, since: at(800).toISOString(), seconds: 400 }]
  const recovering = { phase: 'Recovering', billing: { seconds: 100 }, readyAt, interruptions: slow } as const
  for (let time = 0; time < 3; time += 1) await observe(world(1300), object(recovering))
  await observe(world(1400), object({ ...final(100), readyAt, interruptions: slow }))
  // Ten minutes of play each, at the session's own rate.
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 50_000n - 250n + 1500n + 1500n })
  const booked = await database`
    SELECT reference, reason FROM wallet_transactions WHERE session_id = ${id} AND kind = 'FaultCredit' ORDER BY id`
  expect(booked).toEqual([
    { reference: 'StartLate', reason: 'Your machine took longer to start than the 10 minutes that we promise.' },
    {
      reference: `RecoverySlow:${at(800).toISOString()}`,
      reason: 'It took longer to bring your machine back than the 5 minutes that we promise.',
    },
  ])
  expect(await sessionById(database, id)).toMatchObject({ endReason: 'PlayerEnded' })
})
