// The account at the end of an evening is worth what it catches: each of the eight invariants is broken on purpose, in
// the store where it lives, and exactly that one is seen to be broken. The programs are stopped by then, so that nobody
// mends what is broken; each test puts it right again, but for the two that Azure's history remembers: those are last.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Finding, invariants, type Notes } from '../../demo/account/invariants.ts'
import { armOf, tagsOf } from './arm.ts'
import type { Evening } from './evening.ts'
import { type Stage, startStage } from './stage.ts'

let stage: Stage
/** What is known of the evening that was played. */
let notes: Notes
/** A session that is still being played: made by kubectl, metered, its machine running. */
let standing: Evening

const PAID_SECONDS = 3600
const bad = { player: 'mallory', game: 'neon-rally', tier: 'standard', regions: ['centralindia'], paidSeconds: 0 }

beforeAll(async () => {
  stage = await startStage()
  standing = await stage.applied('standing', { paidSeconds: PAID_SECONDS })
  const asha = await stage.player('Asha')
  await asha.writes('/start', /Hi Asha/)
  await asha.topsUpOnTheWeb('₹500')
  await asha.topsUpWithStars('₹100')
  const evening = await asha.plays('Neon Rally', 'Standard')
  await standing.until('Running')
  for (const { name } of [evening, standing]) await stage.isTold(name, 'Playable')
  const quiet = await stage.azure.quietTime()
  await evening.until('Running')
  await stage.azure.evict(evening.vm)
  await evening.until('Recovering')
  await evening.until('Running')
  await asha.stops()
  await evening.ends()
  notes = { quiet, refusals: [await stage.refused('free', bad)] }
  await stage.queueIsEmpty()
  await stage.stack.release.stop()
}, 180_000)
afterAll(async () => await stage?.stop())
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await stage.account()))
})

async function broken(about: Notes = notes): Promise<Finding[]> {
  return (await invariants(stage.stores, about)).filter(({ holds }) => !holds)
}

/** The findings that an act turns from holding to broken; what it did is undone again. */
async function brokenBy<Done>(
  act: () => Promise<Done>,
  undo: (done: Done) => Promise<unknown> = async () => undefined,
): Promise<Finding[]> {
  const before = new Set((await broken()).map(({ number }) => number))
  const done = await act()
  try {
    return (await broken()).filter(({ number }) => !before.has(number))
  } finally {
    await undo(done)
  }
}

const only = (number: number, evidence: string | RegExp = /./) => [
  expect.objectContaining({ number, evidence: expect.stringMatching(evidence) }),
]

/** Past the triggers, as only somebody with the server in their hands can; the statements are one transaction. */
const pastTheTriggers = async (text: string) =>
  await stage.stores.sql(`SET LOCAL session_replication_role = replica; ${text}`)

test('after an evening all eight hold', async () => {
  expect(await broken()).toEqual([])
})

test('I2: what is tagged ours and belongs to nobody', async () => {
  const arm = armOf(stage.stack)
  const uid = randomUUID()
  const name = `gvm-${uid}-left`
  const tags = tagsOf(stage.stack, uid)
  const findings = await brokenBy(
    async () => await arm.networkInterface(name, tags, await arm.address(name, tags)),
    async () => await arm.deletesNetwork(name),
  )
  expect(findings).toEqual(only(2, new RegExp(`networkInterfaces/${name}.*publicIPAddresses/${name}`)))
})

test('I3: a session that is played past its paid seconds and grace', async () => {
  const past = PAID_SECONDS + stage.stores.graceSeconds + 1
  const before = standing.billedSeconds
  const bills = async (seconds: number) => {
    const patch = `--patch={"status":{"billing":{"seconds":${seconds}}}}`
    await stage.kubectl(['patch', 'gs', standing.name, '--subresource=status', '--type=merge', patch])
  }
  const findings = await brokenBy(
    async () => await bills(past),
    async () => await bills(before),
  )
  expect(findings).toEqual(only(3, `standing played ${past} s of ${PAID_SECONDS} s`))
})

describe('I4: books that do not add up', () => {
  test.each([
    {
      what: 'an entry without its counterpart',
      wrong: `INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
              SELECT max(t.id), 'gateway:stars', 1 FROM wallet_transactions t WHERE kind = 'Play'`,
      right: `DELETE FROM wallet_entries WHERE account_id = 'gateway:stars' AND amount_paise = 1`,
      evidence: /the ledger sums to 1 paise; transaction \d+ does not sum to zero/,
    },
    {
      what: 'a wallet that says more than was booked',
      wrong: 'UPDATE wallet_balances SET posted_paise = posted_paise + 1',
      right: 'UPDATE wallet_balances SET posted_paise = posted_paise - 1',
      evidence: /says \d+ and its entries \d+ paise/,
    },
    {
      what: 'a session charged for more than was played',
      wrong: 'UPDATE wallet_holds SET charged_paise = charged_paise + 1',
      right: 'UPDATE wallet_holds SET charged_paise = charged_paise - 1',
      evidence: /was charged \d+ paise for \d+ s, which cost \d+/,
    },
  ])('$what', async ({ wrong, right, evidence }) => {
    const findings = await brokenBy(
      async () => await pastTheTriggers(wrong),
      async () => await pastTheTriggers(right),
    )
    expect(findings).toEqual(only(4, evidence))
  })
})

describe('I5: credits that are not the payments', () => {
  test.each([
    {
      what: 'a payment that nobody captured',
      wrong: `INSERT INTO payments SELECT rail, 'invented', top_up_id, amount_paise, -1, credited_at FROM payments WHERE rail = 'Stars'`,
      right: "DELETE FROM payments WHERE id = 'invented'",
      evidence: /Stars invented was credited and never captured/,
    },
    {
      what: 'a top-up that was booked twice',
      wrong: `INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, at)
              SELECT 'again', input_hash, kind, at FROM wallet_transactions WHERE kind = 'TopUp' LIMIT 1`,
      right: "DELETE FROM wallet_transactions WHERE idempotency_key = 'again'",
      evidence: /3 top-ups are booked for 2 payments/,
    },
  ])('$what', async ({ wrong, right, evidence }) => {
    const findings = await brokenBy(
      async () => await pastTheTriggers(wrong),
      async () => await pastTheTriggers(right),
    )
    expect(findings).toEqual(only(5, evidence))
  })

  test('a payment that Razorpay captured and nobody credited', async () => {
    const findings = await brokenBy(
      async () => await stage.paidPastUs(50_000),
      async payment => await stage.refunded(payment),
    )
    expect(findings).toEqual(only(5, /^Razorpay pay_\w+ was credited 0 times$/))
  })
})

test("I7: a write of the operator's in the quiet time", async () => {
  const from = new Date().toISOString()
  const since = async () => await broken({ ...notes, quiet: { from, to: new Date().toISOString() } })
  const itself = ['gs', `--field-selector=metadata.name=${standing.name}`] // It lists, and may not get one by name.
  await stage.asOperator(['get', ...itself])
  expect(await since()).toEqual([])
  await stage.asOperator(['annotate', ...itself, 'wasd.cloud/touched=yes'])
  expect(await since()).toEqual(only(7, /1 × patch gamesessions/))
})

describe('I8: bad input', () => {
  test('that is accepted', async () => {
    await stage.withSchema({ path: 'paidSeconds/minimum', from: 1, to: 0, seenBy: bad }, async () => {
      const tried = await stage.refused('free', bad)
      await stage.kubectl(['delete', 'gs', 'free', '--ignore-not-found'])
      expect(await broken({ ...notes, refusals: [tried] })).toEqual(only(8, /^accepted/))
    })
  })

  test('that is refused without a word on what is permitted', async () => {
    const openToAll = { ...bad, paidSeconds: 60, clientCIDRs: ['everywhere'] }
    const mute = {
      path: 'clientCIDRs/items/x-kubernetes-validations/0/message',
      from: 'must be an address block in CIDR notation, such as 203.0.113.7/32',
      to: 'no',
      seenBy: openToAll,
    }
    await stage.withSchema(mute, async () => {
      const tried = await stage.refused('open-to-all', openToAll)
      expect(tried.changed).toBe(false)
      expect(await broken({ ...notes, refusals: [tried] })).toEqual(
        only(8, /^refused without saying what is permitted/),
      )
    })
    const tried = await stage.refused('open-to-all', openToAll)
    expect(await broken({ ...notes, refusals: [tried] })).toEqual([])
  })
})

test('what each of these broke is whole again', async () => {
  expect(await broken()).toEqual([])
})

describe("what Azure's history remembers", () => {
  test('I1: a second machine that runs under the same session', async () => {
    const arm = armOf(stage.stack)
    const tags = tagsOf(stage.stack, standing.machine)
    const name = `gvm-${standing.machine}-vm-9`
    const findings = await brokenBy(async () => {
      await arm.machine(name, tags, await arm.networkInterface(name, tags))
    })
    expect(findings).toEqual(only(1, `at once ran ${standing.vm} and ${name}`))
  })

  test('I6: a machine that comes up again on another address, or without the disk that it had', async () => {
    const arm = armOf(stage.stack)
    const { uid } = await stage.bareMachine('restored')
    const tags = tagsOf(stage.stack, uid)
    const name = (part: string) => `gvm-${uid}-${part}`
    const places = await Promise.all(
      ['here', 'there'].map(async where => {
        const address = await arm.address(name(where), tags)
        return await arm.networkInterface(name(where), tags, address)
      }),
    )
    const [here = '', there = ''] = places
    await arm.machine(name('vm-1'), tags, here, name('kept'))
    await arm.deletesMachine(name('vm-1'))
    expect(await brokenBy(async () => await arm.deletesDisk(name('kept')))).toEqual([]) // So far it may be the end.

    const findings = await brokenBy(async () => await arm.machine(name('vm-2'), tags, there, name('kept')))
    expect(findings).toEqual(only(6, new RegExp(`${uid} came up on [\\d.]+ and [\\d.]+; ${uid} lost its OS disk`)))
  })
})
