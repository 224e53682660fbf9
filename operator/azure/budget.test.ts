import fc from 'fast-check'
import { expect, test } from 'vitest'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { budget, type Urgency } from './budget.ts'
import type { Limit } from './limits.ts'

const writes: Limit = { bucket: 'writes', burst: 2, refillPerSecond: 1 }
const reads: Limit = { bucket: 'reads', burst: 2, refillPerSecond: 1 }
const never = new AbortController().signal

/** Calls that are made of one budget, and those that were let go, in their order. */
function stage() {
  const clock = handClock()
  const requests = budget({ clock })
  const gone: string[] = []
  const ask = (name: string, urgency: Urgency, limits = [writes], asker?: string) => {
    const call = requests.admit(limits, urgency, never, asker).then(admission => {
      gone.push(name)
      return admission
    })
    call.catch(() => undefined)
    return call
  }
  return { clock, requests, gone, ask }
}

test('a full bucket lets go at once, an empty one as it refills', async () => {
  const { clock, gone, ask } = stage()
  for (const name of ['a', 'b', 'c', 'd']) void ask(name, 'Creation')
  await clock.advance(0)
  expect(gone).toEqual(['a', 'b'])
  await clock.advance(1)
  expect(gone).toEqual(['a', 'b', 'c'])
  await clock.advance(1)
  expect(gone).toEqual(['a', 'b', 'c', 'd'])
})

test('deletes and rescues overtake creations', async () => {
  const { clock, gone, ask } = stage()
  for (const name of ['a', 'b']) void ask(name, 'Creation')
  void ask('creation', 'Creation')
  void ask('removal', 'Removal')
  void ask('rescue', 'Rescue')
  await clock.advance(2.9)
  expect(gone).toEqual(['a', 'b', 'rescue', 'removal'])
})

test('who waits for one bucket does not keep others from another', async () => {
  const { clock, gone, ask } = stage()
  for (const name of ['a', 'b', 'c']) void ask(name, 'Rescue')
  void ask('look', 'Sweep', [reads])
  await clock.advance(0)
  expect(gone).toEqual(['a', 'b', 'look'])
})

test('a call that needs two buckets takes of neither until both have room', async () => {
  const { clock, gone, ask } = stage()
  for (const name of ['a', 'b']) void ask(name, 'Creation')
  void ask('both', 'Rescue', [writes, reads])
  void ask('c', 'Creation', [reads])
  void ask('d', 'Creation', [reads])
  await clock.advance(0)
  expect(gone).toEqual(['a', 'b', 'c', 'd'])
  await clock.advance(1)
  expect(gone).toEqual(['a', 'b', 'c', 'd', 'both'])
})

test("what Azure's reply says is left rules over our own count", async () => {
  const { clock, gone, ask } = stage()
  const first = await ask('a', 'Standing')
  first.settled([{ bucket: 'writes', left: 0 }])
  void ask('b', 'Standing')
  await clock.advance(0.9)
  expect(gone).toEqual(['a'])
  await clock.advance(0.2)
  expect(gone).toEqual(['a', 'b'])
})

test('a reply that is older than what is under way does not count that twice, nor forget it', async () => {
  const { clock, gone, ask } = stage()
  const [first] = await Promise.all([ask('a', 'Standing'), ask('b', 'Standing')])
  first.settled([{ bucket: 'writes', left: 1 }])
  void ask('c', 'Standing')
  await clock.advance(0.5)
  expect(gone).toEqual(['a', 'b'])
})

test('a 429 pauses its bucket alone; who cannot wait so long is told when to come back', async () => {
  const { clock, gone, ask } = stage()
  const first = await ask('a', 'Standing')
  first.settled([{ bucket: 'writes', pausedSeconds: 30 }])
  await expect(ask('b', 'Rescue')).rejects.toMatchObject({ code: 'RequestBudgetSpent' })
  await expect(ask('b', 'Rescue')).rejects.toMatchObject({ retryAfterSeconds: expect.closeTo(30, 0) })
  void ask('look', 'Standing', [reads])
  await clock.advance(28)
  void ask('c', 'Standing')
  await clock.advance(1.9)
  expect(gone).toEqual(['a', 'look'])
  await clock.advance(0.2)
  expect(gone).toEqual(['a', 'look', 'c'])
})

test('a line that would take longer than a few seconds sends its end away, each with another time', async () => {
  const { clock, ask } = stage()
  const calls = Array.from({ length: 10 }, (_, index) => ask(`${index}`, 'Creation'))
  await clock.advance(3)
  const outcomes = await Promise.allSettled(calls)
  const refused = outcomes.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  expect(refused.map(({ code }) => code)).toEqual(Array.from({ length: refused.length }, () => 'RequestBudgetSpent'))
  expect(outcomes.length - refused.length).toBeGreaterThanOrEqual(4)
  expect(new Set(refused.map(({ retryAfterSeconds }) => retryAfterSeconds)).size).toBe(refused.length)
})

test('of many who come back when they are told, each is let go in the order in which it first asked, and no token is lost', async () => {
  const { clock, gone, ask } = stage()
  const many = Array.from({ length: 100 }, (_, index) => `${index}`)
  /** As a machine does: what is refused is asked for again when that was said, until it has gone. */
  const insist = async (name: string): Promise<void> => {
    const refused = await ask(name, 'Creation', [writes], name).then(
      () => undefined,
      ({ retryAfterSeconds }) => Number(retryAfterSeconds),
    )
    if (refused === undefined) return
    await clock.sleep(refused * 1000)
    await insist(name)
  }
  for (const name of many) void insist(name)
  for (let second = 0; second < many.length - writes.burst; second += 1) await clock.advance(1)
  expect(gone).toEqual(many)
})

test('whoever has asked before for anything goes before whoever begins', async () => {
  const { clock, gone, ask } = stage()
  void ask('first, looking', 'Creation', [reads], 'first')
  for (const name of ['a', 'b', 'c']) void ask(name, 'Creation', [writes], name)
  void ask('first', 'Creation', [writes], 'first')
  await clock.advance(1)
  expect(gone).toEqual(['first, looking', 'a', 'b', 'first'])
})

test('who gives up leaves the line', async () => {
  const { clock, requests, gone, ask } = stage()
  for (const name of ['a', 'b']) void ask(name, 'Creation')
  const giving = new AbortController()
  const outcome = requests.admit([writes], 'Rescue', giving.signal)
  giving.abort(new Error('enough'))
  await expect(outcome).rejects.toThrow('enough')
  void ask('c', 'Creation')
  await clock.advance(1)
  expect(gone).toEqual(['a', 'b', 'c'])
  expect(requests.waiting().Rescue).toBe(0)
})

test('never more calls go than a bucket holds and gains, in whatever order they come', async () => {
  const arrival = fc.record({ afterSeconds: fc.double({ min: 0, max: 1, noNaN: true }), urgent: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(arrival, { maxLength: 40 }), async arrivals => {
      const { clock, gone, ask } = stage()
      const began = clock.monotonic()
      for (const [index, { afterSeconds, urgent }] of arrivals.entries()) {
        await clock.advance(afterSeconds)
        void ask(`${index}`, urgent ? 'Rescue' : 'Creation')
        await clock.advance(0)
        const seconds = (clock.monotonic() - began) / 1000
        expect(gone.length).toBeLessThanOrEqual(writes.burst + seconds * writes.refillPerSecond + 1e-6)
      }
    }),
    { numRuns: 50 },
  )
})
