// Whatever dies, and whenever, the evening ends as it would have: operator and API are killed at the points of a session
// where most is under way, and what is left in Azure, Kubernetes and the ledger is compared with an undisturbed evening.
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { armOf, tagsOf } from '../evening/arm.ts'
import { apiDies, leaderHangs, leaderIsReplaced, operatorDies } from './blows.ts'
import { type Blow, clear, type Ending, play } from './evening.ts'
import { openTheatre, type Theatre } from './theatre.ts'

/** A holder of the Lease: it is not let go. */
const somebody = expect.stringMatching(/./)

let theatre: Theatre
let undisturbed: Ending

beforeAll(async () => {
  theatre = await openTheatre()
  undisturbed = await play(theatre).catch(async (error: unknown) => {
    throw new Error(`The undisturbed evening failed.\n${await theatre.lastWords()}`, { cause: error })
  })
})

afterAll(async () => await theatre?.close())

async function endsAsUndisturbed(blow: Blow): Promise<void> {
  onTestFailed(async () => {
    console.error(await theatre.lastWords())
    await clear(theatre)
  })
  const { playingOn, over } = await play(theatre, blow)
  expect(playingOn).toEqual(undisturbed.playingOn)
  expect(over).toEqual(undisturbed.over)
}

// First, while nothing has happened since the undisturbed evening.
describe('The comparison is worth something', () => {
  test('an evening that is over stays as it is', async () => {
    expect(await undisturbed.again()).toEqual(undisturbed.over)
  })

  test('I2: a network interface left behind in Azure shows', async () => {
    const arm = armOf(theatre.stack)
    await arm.networkInterface('left-behind', tagsOf(theatre.stack, '00000000-0000-4000-8000-00000000dead'))
    expect(await undisturbed.again()).not.toEqual(undisturbed.over)

    await arm.deletesNetwork('left-behind')
    expect(await undisturbed.again()).toEqual(undisturbed.over)
  })

  test('I4: an entry too many in the ledger shows', async () => {
    const undone = new Error('undone')
    const planted = theatre.sql.begin(async sql => {
      await sql`SET LOCAL session_replication_role = replica` // What the triggers would refuse.
      await sql`
        INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
        SELECT max(transaction_id), 'revenue', 1 FROM wallet_entries WHERE account_id LIKE 'gateway:%'`
      expect(await undisturbed.again({ ...theatre, sql })).not.toEqual(undisturbed.over)
      throw undone
    })
    await expect(planted).rejects.toBe(undone)
    expect(await undisturbed.again()).toEqual(undisturbed.over)
  })
})

describe('I1, I2, I4, I6: the leading operator is killed', () => {
  test.each(operatorDies)('$name', async point => {
    const { identity } = await theatre.leader()
    const { holders } = await theatre.followLease()
    await endsAsUndisturbed(point)
    expect(holders.slice(0, 2)).toEqual([identity, somebody]) // Nobody let go: the Lease ran out.
  })
})

describe('I1, I2, I6: the leading operator hangs for longer than its Lease, and wakes up beside another', () => {
  test.each(leaderHangs)('$name', endsAsUndisturbed)
})

test('The leading operator is asked to stop while a VM is made: it lets go, and another leads at once', async () => {
  const { identity } = await theatre.leader()
  const { holders } = await theatre.followLease()
  await endsAsUndisturbed(leaderIsReplaced)
  expect(holders.slice(0, 3)).toEqual([identity, '', somebody])
})

describe('I4, I5: the API is killed', () => {
  test.each(apiDies)('$name', async point => {
    const restarts = () => theatre.stack.api.reduce((sum, pod) => sum + pod.restarts(), 0)
    const before = restarts()
    await endsAsUndisturbed(point)
    expect(restarts()).toBe(before + 1)
  })
})
