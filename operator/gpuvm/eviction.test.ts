import { expect, test } from 'vitest'
import { eviction } from './eviction.ts'
import { type Different, playing, sight, virtualMachine } from './sights.fixture.ts'

const gone = { virtualMachine: virtualMachine({ powerState: 'Deallocated' }) }
const going = { virtualMachine: virtualMachine({ powerState: 'Deallocating' }) }
const deallocated = { powerState: 'Deallocated' as const }
const then = new Date('2026-11-24T11:00:00.000Z')
const later = new Date('2026-11-24T11:58:00.000Z')
/** It ran when the last operation on it that anybody had asked for had ended. */
const seenRunning = { ...playing, provisionedAt: then.toISOString() }
const onDemand = { do: 'BeginIncarnation', priority: 'Regular', reason: 'Evicted' }
const stopping = { kind: 'Deallocate' as const, resource: 'vm', since: '2026-11-24T11:59:00.000Z' }

test.each<{ title: string; seen: Different; step: object | undefined }>([
  { title: 'a machine that runs was not evicted', seen: {}, step: undefined },
  {
    title: 'I6: a spot machine that is deallocated, unasked, moves onto on-demand',
    seen: { observed: gone },
    step: onDemand,
  },
  { title: 'I6: as soon as it is seen going', seen: { observed: going }, step: onDemand },
  {
    title: 'a power state that Azure does not tell proves nothing',
    seen: { observed: { virtualMachine: virtualMachine({ powerState: 'Unknown' }) } },
    step: undefined,
  },
  {
    title: 'a machine that was shut down from inside still has its host',
    seen: { observed: { virtualMachine: virtualMachine({ powerState: 'Stopped' }) } },
    step: undefined,
  },
  {
    title: 'on-demand capacity is not evicted',
    seen: { observed: { virtualMachine: virtualMachine({ powerState: 'Deallocated', priority: 'Regular' }) } },
    step: undefined,
  },
  {
    title: 'what the spec asks to rest may rest',
    seen: { spec: { powerState: 'Deallocated' }, observed: gone },
    step: undefined,
  },
  {
    title: 'a pause of ours that was resumed while it went on is none',
    seen: { status: { ...playing, operation: stopping }, observed: going },
    step: undefined,
  },
  {
    title: 'nor one that the operator did not live to see the end of',
    seen: { status: { ...playing, operation: stopping }, observed: gone },
    step: undefined,
  },
  {
    title: 'a paused machine that is resumed was not evicted',
    seen: { status: { ...playing, powerState: 'Deallocated' }, observed: gone },
    step: undefined,
  },
  {
    title: 'one that somebody deallocated in Azure after we had last seen it run was not evicted',
    seen: {
      status: seenRunning,
      observed: { virtualMachine: virtualMachine({ ...deallocated, provisionedAt: later }) },
    },
    step: undefined,
  },
  {
    title: 'an eviction is no operation of anybody: its time does not move',
    seen: {
      status: seenRunning,
      observed: { virtualMachine: virtualMachine({ ...deallocated, provisionedAt: then }) },
    },
    step: onDemand,
  },
  {
    title: 'a notice from inside says eviction, whatever was done to the machine before',
    seen: {
      status: { ...seenRunning, guest: { incarnation: 1, preemptAt: later.toISOString() } },
      observed: { virtualMachine: virtualMachine({ ...deallocated, provisionedAt: later }) },
    },
    step: onDemand,
  },
  {
    title: 'a start that was refused late is no eviction',
    seen: {
      status: { ...playing, powerState: 'Starting' },
      observed: { virtualMachine: virtualMachine({ ...deallocated, provisioningState: 'Failed' }) },
    },
    step: undefined,
  },
  {
    title: 'one that was evicted as soon as it stood is',
    seen: { status: { ...playing, powerState: 'Starting' }, observed: gone },
    step: onDemand,
  },
  {
    title: 'onEviction Wait: it is recorded',
    seen: { spec: { onEviction: 'Wait' }, observed: going },
    step: { do: 'RecordEviction' },
  },
  {
    title: 'onEviction Wait: once',
    seen: { spec: { onEviction: 'Wait' }, status: { ...playing, powerState: 'Deallocating' }, observed: gone },
    step: undefined,
  },
])('$title', ({ seen, step }) => {
  expect(eviction(sight(seen)).step).toEqual(step)
})

const note = (name: string, at = later) => ({ name, at })
const movedTime = virtualMachine({ ...deallocated, provisionedAt: later })
const sameTime = virtualMachine({ ...deallocated, provisionedAt: then })

test.each<{ title: string; observed: Different['observed']; step?: object; reason?: string }>([
  {
    title: 'where Azure notes an eviction it is one, whatever the times say',
    observed: { virtualMachine: movedTime, noted: note('VirtualMachinePreempted') },
    step: onDemand,
  },
  {
    title: 'where Azure notes that somebody asked for it, it is none, whatever the times say',
    observed: { virtualMachine: sameTime, noted: note('VirtualMachineDeallocationInitiated') },
  },
  {
    title: 'a note of a stop before that is none of this one',
    observed: { virtualMachine: sameTime, noted: note('VirtualMachineDeallocationInitiated', new Date(0)) },
    step: onDemand,
  },
  {
    title: 'what looks like a person’s doing waits a moment for the note',
    observed: { virtualMachine: movedTime, noted: 'Pending' },
    reason: 'StopUnclear',
  },
  {
    title: 'what looks like an eviction waits for nothing',
    observed: { virtualMachine: sameTime, noted: 'Pending' },
    step: onDemand,
  },
  { title: 'without a note the times decide', observed: { virtualMachine: movedTime, noted: undefined } },
])('$title', ({ observed, step, reason }) => {
  const verdict = eviction(sight({ status: seenRunning, ...(observed && { observed }) }))
  expect({ step: verdict.step, reason: verdict.step ? undefined : verdict.because?.reason }).toMatchObject({
    step,
    reason,
  })
})

test('of many that Azure is still stopping none is looked at before its turn; one that it has stopped goes on at once', () => {
  const next = (observed: Different['observed'], operations: number) =>
    eviction({ ...sight({ observed: { ...observed } }), operations }).requeueAfterSeconds
  expect(next(gone, 2000)).toBe(0)
  expect(next(going, 1)).toBe(4)
  expect(next(going, 2000)).toBe(250)
})
