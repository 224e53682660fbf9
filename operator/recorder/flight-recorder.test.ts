import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Decided } from '../gpuvm/controller.ts'
import { decide, type Seen } from '../gpuvm/decision.ts'
import { phases } from '../gpuvm/phases.ts'
import { networkInterface, osDisk, publicIPAddress, sight, virtualMachine } from '../gpuvm/sights.fixture.ts'
import { flightRecorder } from './flight-recorder.ts'
import { read, written } from './record.ts'
import { replay, story } from './story.ts'

const evicted = (): Seen =>
  sight({
    observed: {
      virtualMachine: virtualMachine({ powerState: 'Deallocated', powerStateAt: new Date('2026-11-24T11:59:00Z') }),
      publicIPAddress,
      networkInterface,
      osDisk,
    },
  })
const decided = (seen: Seen): Decided => ({ seen, verdict: decide(phases, seen) })
const key = (seen: Seen) => ({ namespace: seen.namespace, name: seen.machine.metadata.name })

test('a decision read back is the one that was written, dates and all', () => {
  const decision = decided(evicted())
  const back = read(written(decision))
  expect(back.seen.now).toEqual(decision.seen.now)
  expect(back.seen.observed.virtualMachine?.powerStateAt).toEqual(new Date('2026-11-24T11:59:00Z'))
  expect(written(back)).toBe(written(decision))
})

test('a data disk that was absent is absent when it is read back: else a deletion would wait for it again', () => {
  const saves = { name: 'saves', lun: 0, sizeGiB: 64, sku: 'StandardSSD_LRS' as const }
  const seen = sight({
    metadata: { deletionTimestamp: '2026-11-24T12:00:00Z', finalizers: ['wasd.cloud/operator'] },
    spec: { disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' }, data: [saves] } },
    observed: { virtualMachine: undefined, hasBootstrapSecret: false, dataDisks: [undefined] },
  })
  const back = read(written(decided(seen)))
  expect(back.seen.observed.dataDisks).toEqual([undefined])
  expect(replay(back)).toMatchObject({ isSame: true })
})

test('what was not written by it is refused', () => {
  expect(() => read('{}')).toThrow('no recorded decision')
})

test('decided again from the record it comes out the same, and by the phase that decided', () => {
  expect(replay(read(written(decided(evicted()))))).toEqual({ isSame: true, phase: 'eviction' })
})

test('a decision that these phases would not make is told apart', () => {
  const { seen } = decided(evicted())
  expect(replay({ seen, verdict: {} })).toMatchObject({ isSame: false })
  expect(story([{ seen, verdict: {} }])).toContain('1 of 1 come out otherwise')
})

test('a decision about a guarded machine from before it was looked whom its group lets in to the probe comes out the same', () => {
  const clientCIDRs = ['203.0.113.7/32']
  const group = {
    id: '/nsg',
    ownerUid: undefined,
    clientCIDRs,
    probeCIDRs: [],
    provisioningState: 'Succeeded',
  } as const
  const seen = sight({
    spec: { clientCIDRs },
    observed: {
      publicIPAddress,
      networkInterface: { ...networkInterface, networkSecurityGroupId: group.id },
      networkSecurityGroup: { ...group, probeCIDRs: sight().region?.probeCIDRs ?? [] },
    },
  })
  const older = JSON.stringify(JSON.parse(written(decided(seen))), (key, value: unknown) =>
    key === 'networkSecurityGroup' ? { ...group, probeCIDRs: undefined } : value,
  )
  expect(older).not.toBe(written(decided(seen)))
  expect(replay(read(older))).toEqual({ isSame: true, phase: undefined })
})

test('one that lacks what these phases ask for is told as decided by another program, and the others are told', () => {
  const decision = decided(evicted())
  const older = JSON.stringify(JSON.parse(written(decision)), (key, value: unknown) =>
    key === 'settings' ? undefined : value,
  )
  expect(replay(read(older))).toEqual({ isSame: false, phase: undefined, error: expect.stringContaining('undefined') })
  expect(story([read(older)])).toMatch(/cannot be decided again: .*undefined/)
  expect(story([read(older), decision])).toContain('1 of 2 come out otherwise')
})

test('the story says what was seen, what was done and why', () => {
  const told = story([decided(evicted())])
  expect(told).toContain('BeginIncarnation Regular, Evicted (eviction)')
  expect(told).toContain('VM Spot Standard_NV12ads_A10_v5 Deallocated')
  expect(told).toContain('Evicted: Azure took the spot machine back')
  expect(told).toContain('all 1 come out the same')
})

test('a decision that says the same as the one before is kept once', () => {
  const recorder = flightRecorder()
  const seen = evicted()
  for (const second of [1, 2, 3])
    recorder.record(decided({ ...seen, now: new Date(seen.now.getTime() + second * 1000) }))
  expect(recorder.of(key(seen))).toHaveLength(1)
})

test('what was kept is given back as it was written, and takes a fifth of it at most', () => {
  const seen = evicted()
  const lives = Array.from({ length: 50 }, (_, number) => {
    const metadata = { ...seen.machine.metadata, uid: randomUUID(), name: `m-${number}` }
    return decided({ ...seen, uid: metadata.uid, rootUid: metadata.uid, machine: { ...seen.machine, metadata } })
  })
  const texts = lives.map(written)
  const bytes = texts.reduce((sum, text) => sum + text.length, 0) / 5
  const recorder = flightRecorder({ bytes })
  for (const life of lives) recorder.record(life)
  expect(lives.map(({ seen: one }) => recorder.of(key(one)))).toEqual(texts.map(text => [text]))
})

test('it is bounded by decisions of a machine, by machines, and in all', () => {
  const seen = evicted()
  const other = (uid: string, generation: number): Decided => {
    const metadata = { ...seen.machine.metadata, uid, name: uid, generation }
    return decided({ ...seen, uid, machine: { ...seen.machine, metadata } })
  }
  const known = (recorder: ReturnType<typeof flightRecorder>, name: string) =>
    recorder.of({ namespace: seen.namespace, name }).length

  const few = flightRecorder({ decisions: 2 })
  for (const generation of [1, 2, 3]) few.record(other('a', generation))
  expect(known(few, 'a')).toBe(2)

  const narrow = flightRecorder({ machines: 2 })
  for (const name of ['a', 'b', 'a', 'c']) narrow.record(other(name, 1))
  expect(['a', 'b', 'c'].map(name => known(narrow, name))).toEqual([1, 0, 1])

  const small = flightRecorder({ bytes: 1 }) // Less than one takes: the newest is kept all the same.
  for (const name of ['a', 'b']) small.record(other(name, 1))
  expect(['a', 'b'].map(name => known(small, name))).toEqual([0, 1])
})
