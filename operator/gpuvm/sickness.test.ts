import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { isSuspect, sickness } from './sickness.ts'
import { ago, type Different, now, playing, settings, sight, virtualMachine } from './sights.fixture.ts'

/** Played, and silent since. */
const silentFor = (seconds: number, more: GpuVmStatus = {}): GpuVmStatus => ({
  ...playing,
  stream: { answering: false, since: ago(7200), lastAnsweredAt: ago(seconds) },
  incarnation: { number: 1, priority: 'Spot', specPriority: 'Spot', reason: 'Created', since: ago(8000) },
  ...more,
})
const silent = { answering: false, since: undefined, lastAnsweredAt: undefined }
const complained = { virtualMachine: virtualMachine({ agent: 'NotReady' }) }
const well = { virtualMachine: virtualMachine({ agent: 'Ready' }) }
const frozen = (secondsAgo: number): GpuVmStatus => ({
  guest: { incarnation: 1, maintenance: { event: 'Reboot', notBefore: ago(secondsAgo) } },
})

test.each<{ title: string; seen: Different; expected: object }>([
  {
    title: 'a stream that answers makes nobody look',
    seen: { observed: complained },
    expected: {},
  },
  {
    title: 'a silence that is heard of only now is looked at when it has lasted',
    seen: { stream: silent, observed: complained },
    expected: { requeueAfterSeconds: 120 },
  },
  {
    title: 'two minutes of silence are a restart of the stream server',
    seen: { status: silentFor(50), stream: silent, observed: complained },
    expected: { requeueAfterSeconds: 70 },
  },
  {
    title: 'silent, and Azure hears nothing from inside: it is moved to another host',
    seen: { status: silentFor(130), stream: silent, observed: complained },
    expected: {
      step: { do: 'RedeployVirtualMachine' },
      because: { reason: 'HostSick', message: expect.stringContaining('another host') },
      requeueAfterSeconds: 4,
    },
  },
  {
    title:
      'silent, and Azure finds nothing wrong: a game may have taken the stream server along; it is looked at again',
    seen: { status: silentFor(130), stream: silent, observed: well },
    expected: { requeueAfterSeconds: 30 },
  },
  {
    title: 'silent, and Azure notes that its host has failed: it is moved to another one',
    seen: {
      status: silentFor(130),
      stream: silent,
      observed: { ...well, noted: { name: 'VirtualMachineHostCrashed', at: new Date(ago(140)) } },
    },
    expected: { step: { do: 'RedeployVirtualMachine' }, because: { message: expect.stringContaining('HostCrashed') } },
  },
  {
    title: 'a note of yesterday’s host says nothing about today’s silence',
    seen: {
      status: silentFor(130),
      stream: silent,
      observed: { ...well, noted: { name: 'VirtualMachineHostCrashed', at: new Date(ago(80_000)) } },
    },
    expected: { requeueAfterSeconds: 30 },
  },
  {
    title: 'what Azure notes as its own work is waited for, though it hears nothing from inside',
    seen: {
      status: silentFor(130),
      stream: silent,
      observed: { ...complained, noted: { name: 'VirtualMachinePlannedFreezeStarted', at: new Date(ago(140)) } },
    },
    expected: { requeueAfterSeconds: 30 },
  },
  {
    title: 'but not for longer than a quarter of an hour',
    seen: {
      status: silentFor(950),
      stream: silent,
      observed: { ...complained, noted: { name: 'VirtualMachinePlannedFreezeStarted', at: new Date(ago(940)) } },
    },
    expected: { step: { do: 'RedeployVirtualMachine' } },
  },
  {
    title: 'once for each silence',
    seen: { status: silentFor(130, { redeployedAt: ago(60) }), stream: silent, observed: complained },
    expected: {},
  },
  {
    title: 'again for the next',
    seen: { status: silentFor(130, { redeployedAt: ago(600) }), stream: silent, observed: complained },
    expected: { step: { do: 'RedeployVirtualMachine' } },
  },
  {
    title: 'a restart that Azure has announced is waited for',
    seen: { status: silentFor(130, frozen(100)), stream: silent, observed: complained },
    expected: { requeueAfterSeconds: 800 },
  },
  {
    title: 'but not for ever',
    seen: { status: silentFor(930, frozen(901)), stream: silent, observed: complained },
    expected: { step: { do: 'RedeployVirtualMachine' } },
  },
  {
    title: 'what the probe does not know yet proves nothing',
    seen: { status: silentFor(130), stream: { ...silent, answering: undefined }, observed: complained },
    expected: {},
  },
  {
    title: 'silent for half an hour it is left to a person',
    seen: { status: silentFor(1801), stream: silent, observed: complained },
    expected: {},
  },
  {
    title: 'the silence of the machine before this one says nothing of its host',
    seen: {
      status: silentFor(130, {
        incarnation: { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted', since: ago(60) },
      }),
      stream: silent,
      observed: complained,
    },
    expected: {},
  },
])('$title', ({ seen, expected }) => {
  const verdict = sickness(sight(seen))
  if (Object.keys(expected).length === 0) expect(verdict).toEqual({})
  else expect(verdict).toMatchObject(expected)
})

test('I7: only a silence that may still be mended keeps a machine from being settled', () => {
  const suspect = (status: GpuVmStatus) => isSuspect(sight({ status }).machine, { now, settings })
  expect(suspect(silentFor(10))).toBe(true)
  expect(suspect(silentFor(1801))).toBe(false)
  expect(suspect(playing)).toBe(false)
})
