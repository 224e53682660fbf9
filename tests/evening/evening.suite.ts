// Evenings on the whole stack: gamers with a chat, an SRE with kubectl, and Azure that takes machines back.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { invariants } from '../../demo/account/invariants.ts'
import { creditsMatchPayments, ledgerBalances } from '../../demo/account/money.ts'
import type { Stage } from './stage.ts'

/** ₹90 an hour, as the sample catalogue has it. */
const STANDARD_PAISE_PER_HOUR = 9000
/** A machine with too much to do lets a program wake late by so much. */
const LATE_SECONDS = 2

const rupees = (paise: number) => `₹${(paise / 100).toFixed(2)}`

/** On a stage where nothing else is played meanwhile. */
export function eveningsArePlayed(stage: () => Stage): void {
  test('I1, I4, I6, I7: from /start through an eviction and a pause to the receipt', { timeout: 120_000 }, async () => {
    const { azure, kubectl } = stage()
    const asha = await stage().player('Asha')
    await asha.writes('/start', /Hi Asha/)
    await asha.topsUpOnTheWeb('₹500')
    await asha.topsUpWithStars('₹100')
    const paidIn = await asha.paidIn()
    expect(paidIn).toBeGreaterThanOrEqual(60_000)
    expect((await asha.writes('/balance', /Your balance/)).text).toContain(rupees(paidIn))

    const evening = await asha.plays('Neon Rally', 'Standard')
    await evening.until('Running')
    const { host, vm, machine } = evening
    expect(evening.capacity).toBe('Spot')
    expect(await azure.capacityOf(vm)).toBe('Spot')
    const disk = await azure.osDisk(vm)
    const identity = await azure.streamIdentity(host ?? '')
    await stage().isTold(evening.name, 'Playable')
    const quiet = await azure.quietTime()

    const evicted = asha.chat.mark()
    await azure.evict(vm)
    await asha.chat.reads(/was taken away by the data centre/, { since: evicted })
    await asha.chat.reads(/You can go on/, { since: evicted })
    await evening.until('Running')
    expect(evening.host).toBe(host)
    expect(evening.machine).toBe(machine)
    expect(evening.vm).not.toBe(vm)
    expect(evening.capacity).toBe('OnDemand')
    expect(await azure.capacityOf(evening.vm)).toBe('Regular')
    expect(await azure.osDisk(evening.vm)).toEqual(disk)
    expect(await azure.streamIdentity(host ?? '')).toBe(identity)
    expect(evening.session().status).toMatchObject({
      evictions: 1,
      interruptions: [{ cause: 'Evicted', seconds: expect.any(Number) }],
    })

    const paused = asha.chat.mark()
    await evening.wants('Paused')
    await asha.chat.reads(/is paused/, { since: paused })
    await evening.until('Paused')
    expect(await kubectl(['get', 'gs', evening.name])).toMatch(/Paused/)
    await evening.wants('Running')
    await asha.chat.reads(/goes on/, { since: paused })
    await evening.until('Running')
    expect(evening.host).toBe(host)
    expect(await azure.osDisk(evening.vm)).toEqual(disk)

    const receipt = await asha.stops()
    await evening.ends()
    expect(await azure.ours()).toBe(0)
    const { status } = evening.session()
    expect(status).toMatchObject({ endReason: 'PlayerEnded', billing: { final: true } })

    // What was billed lies within what Azure itself says that machines ran: boots and gaps are not in it.
    expect(evening.billedSeconds).toBeGreaterThan(0)
    expect(evening.billedSeconds).toBeLessThanOrEqual(await azure.secondsRan(machine))
    const chargedPaise = Math.floor((STANDARD_PAISE_PER_HOUR * evening.billedSeconds) / 3600)
    const gap = status?.interruptions?.at(0)?.seconds
    expect(receipt).toContain(`Played: ${evening.billedSeconds} s`)
    expect(receipt).toContain(`Not charged: ${gap} s, the data centre took the machine back`)
    expect(receipt).toContain(`Charged: ${rupees(chargedPaise)}`)
    expect(receipt).toContain(`Your balance: ${rupees(paidIn - chargedPaise)}`)
    expect(await asha.wallet()).toBe(paidIn - chargedPaise)
    expect(await asha.held()).toBe(0)

    const bad = { player: 'mallory', game: 'neon-rally', tier: 'standard', regions: ['centralindia'], paidSeconds: 0 }
    const findings = await invariants(stage().stores, { quiet, refusals: [await stage().refused('free', bad)] })
    expect(findings.filter(({ holds }) => !holds)).toEqual([])
  })

  describe.concurrent('while the API is down', () => {
    beforeAll(async () => await stage().stopApi())
    afterAll(async () => await stage().startApi())

    test('a session made by kubectl alone is played, evicted and ended', async () => {
      const { azure } = stage()
      const evening = await stage().applied('by-hand')
      await evening.until('Running')
      const { host, vm } = evening
      const identity = await azure.streamIdentity(host ?? '')

      await azure.evict(vm)
      await evening.until('Recovering')
      await evening.until('Running')
      expect(evening.host).toBe(host)
      expect(await azure.streamIdentity(host ?? '')).toBe(identity)

      await evening.wants('Ended')
      await evening.ends()
      expect(evening.session().status).toMatchObject({
        endReason: 'PlayerEnded',
        evictions: 1,
        billing: { final: true },
      })
      expect(await evening.inAzure()).toEqual([])
    })

    test('I3: a session ends by its paid seconds, and nobody is asked', async () => {
      const paidSeconds = 2
      const evening = await stage().applied('prepaid', { paidSeconds })
      await evening.ends()
      expect(evening.session().status?.endReason).toBe('PaidTimeUsed')
      expect(evening.billedSeconds).toBeGreaterThanOrEqual(paidSeconds)
      expect(evening.billedSeconds).toBeLessThanOrEqual(paidSeconds + stage().stores.graceSeconds + LATE_SECONDS)
      expect(await evening.inAzure()).toEqual([])
    })
  })

  test('a GpuVm made by kubectl alone is playable, and leaves nothing when it is deleted', async () => {
    const machine = await stage().bareMachine('bare')
    await machine.isPlayable()
    expect(await stage().azure.streamIdentity(machine.host ?? '')).not.toBe('')
    expect(await machine.inAzure()).toContain(machine.vm)
    await machine.isDeleted()
    expect(await machine.inAzure()).toEqual([])

    // Whoever leads next still tells why, of a machine that it never saw.
    await stage().restartOperator()
    const told = await stage().explained('bare')
    expect(told).toMatch(/CreateVirtualMachine[\s\S]*DeleteVirtualMachine/)
    expect(told).toMatch(/Decided again from the record, all \d+ come out the same\./)
  })

  test('I1: one player plays one session at a time, whoever asks for the second', {
    timeout: 90_000,
  }, async () => {
    const zoya = await stage().player('Zoya')
    await zoya.writes('/start', /Hi Zoya/)
    await zoya.topsUpOnTheWeb('₹500')
    const first = await zoya.plays('Neon Rally', 'Standard')
    await first.until('Running')

    await zoya.writes('/play', /What would you like to play/)
    await zoya.presses('Star Caravan', /Which machine/)
    const answer = await zoya.presses('Standard', /Neon Rally is already running, and it is one session at a time/)
    expect(answer.buttons.flat().map(({ text }) => text)).toEqual([
      expect.stringContaining('Status'),
      expect.stringContaining('Stop'),
    ])

    const second = await stage().applied('second', { player: first.player() })
    await second.reaches('waits', () => second.ready?.reason === 'PlayerBusy')
    expect(second.ready?.message).toContain(`has session ${stage().stack.namespace}/${first.name} already`)
    expect(second.session().status?.vm).toBeUndefined()

    await zoya.stops()
    await second.until('Running')
    expect(await first.inAzure()).toEqual([])
    await second.wants('Ended')
    await second.ends()
  })

  test('I5: a webhook that Razorpay did not sign is refused, and changes nothing', async () => {
    const mira = await stage().player('Mira')
    await mira.writes('/start', /Hi Mira/)
    const before = await stage().books()
    await mira.forgesAWebhook()
    expect(await stage().books()).toEqual(before)
    expect(await mira.wallet()).toBe(0)
  })

  test('I5: a webhook that comes again, also under a new event id, credits nothing more', async () => {
    const noor = await stage().player('Noor')
    await noor.writes('/start', /Hi Noor/)
    await noor.topsUpOnTheWeb('₹500')
    const payment = await noor.payment()
    await stage().redelivered(payment, { newEventId: false })
    await stage().redelivered(payment, { newEventId: true })
    await stage().queueIsEmpty()
    expect(await noor.wallet()).toBe(50_000)
    expect(await creditsMatchPayments(stage().stores)).toMatchObject({ holds: true })
    expect(await ledgerBalances(stage().stores)).toMatchObject({ holds: true })
  })

  test('an update that Telegram did not send is refused, and the bot says nothing', async () => {
    const ravi = await stage().player('Ravi')
    await ravi.writes('/start', /Hi Ravi/)
    const before = ravi.chat.mark()
    expect(await stage().forgedUpdate({ chatId: ravi.chatId, text: '/balance' })).toBe(401)
    // Updates of a chat are answered in order: had the forged one been taken, its answer would be here before this one.
    await ravi.writes('/help', /What I can do/)
    expect(ravi.hears(before)).toHaveLength(1)
  })

  test('I8: a game that the catalogue does not know is told with those that it knows, and costs nothing', async () => {
    const before = { calls: await stage().azure.changes(), books: await stage().books() }
    const evening = await stage().applied('tetris', { game: 'tetris' })
    await evening.until('Failed')
    expect(evening.stalled).toMatchObject({ status: 'True', reason: 'GameUnknown' })
    expect(evening.stalled?.message).toContain(
      'The catalogue has no game "tetris"; it has: hollow-harbour, neon-rally,',
    )
    expect({ calls: await stage().azure.changes(), books: await stage().books() }).toEqual(before)
    await stage().kubectl(['delete', 'gs', evening.name, '--timeout=30s'])
  })

  test('I8: who has too little money is told what it takes, and shown how to top up', async () => {
    const omar = await stage().player('Omar')
    await omar.writes('/start', /Hi Omar/)
    const before = { calls: await stage().azure.changes(), books: await stage().books() }
    await omar.writes('/play', /What would you like to play/)
    await omar.presses('Neon Rally', /Which machine/)
    const answer = await omar.presses('Standard', /That takes at least/)
    expect(answer.text).toBe('That takes at least ₹1.50, and you have ₹0.00. Top up, then start again:')
    expect(answer.buttons.flat().map(({ text }) => text)).toEqual(['₹100', '₹500', '₹1,000'])
    expect({ calls: await stage().azure.changes(), books: await stage().books() }).toEqual(before)
  })
}
