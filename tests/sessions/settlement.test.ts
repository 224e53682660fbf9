// The end of a session in the books: what is promised is credited, no number is drawn in vain, and no object goes before its
// bill is paid.
import { expect, test } from 'vitest'
import type { Player } from '../../api/players/players.ts'
import { SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import { observe } from '../../api/sessions/observe.ts'
import type { Session } from '../../api/sessions/session.ts'
import { settleLost } from '../../api/sessions/settle.ts'
import { ledgerCommand } from '../../api/wallet/command.ts'
import { holdOf } from '../../api/wallet/holds.ts'
import { proposedCredits } from '../../api/wallet/proposed-credits.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { type GameSessionStatus, gameSessions } from '../../crds/types/gamesession.ts'
import { connect } from '../../lib/database/pool.ts'
import { fundedPlayer } from '../money/books.ts'
import { ago, onStage, over, playing, type Stage } from './stage.ts'

let stage: Stage
let player: Player

onStage((opened, funded) => {
  stage = opened
  player = funded
})

test('Three broken promises a day are credited; what goes beyond that is proposed once, and a person approves or declines it', async () => {
  const session = await stage.played(120, player)
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
    const session = await stage.play({ playerId: player.id })
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
  const session = await stage.play({ playerId: player.id })
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
