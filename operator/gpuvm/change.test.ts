import { expect, test } from 'vitest'
import { change } from './change.ts'
import { bare, type Different, evicted, playing, sight, virtualMachine } from './sights.fixture.ts'

const begin = (reason: string, priority: string) => ({ do: 'BeginIncarnation', priority, reason })
const rescued = { ...evicted, vmId: 'vm-id-2', powerState: 'Running' as const }
const onDemand = { virtualMachine: virtualMachine({ priority: 'Regular' }) }

test.each<{ title: string; seen: Different; step: object | undefined }>([
  { title: 'nothing has changed', seen: {}, step: undefined },
  { title: 'the priority', seen: { spec: { priority: 'Regular' } }, step: begin('PriorityChanged', 'Regular') },
  {
    title: 'the size, whatever case Azure writes it in',
    seen: { observed: { virtualMachine: virtualMachine({ size: 'standard_nv12ads_a10_V5' }) } },
    step: undefined,
  },
  {
    title: 'another size keeps the priority',
    seen: { spec: { size: 'Standard_NV6ads_A10_v5' } },
    step: begin('SizeChanged', 'Spot'),
  },
  {
    title: 'another zone keeps the priority',
    seen: { spec: { zone: '2' }, observed: { virtualMachine: virtualMachine({ zone: '1' }) } },
    step: begin('ZoneChanged', 'Spot'),
  },
  {
    title: 'another zone after an eviction stays on demand',
    seen: {
      status: rescued,
      spec: { zone: '2' },
      observed: { virtualMachine: virtualMachine({ zone: '1', priority: 'Regular' }) },
    },
    step: begin('ZoneChanged', 'Regular'),
  },
  {
    title: 'the zone that it stands in already',
    seen: { spec: { zone: '2' }, observed: { virtualMachine: virtualMachine({ zone: '2' }) } },
    step: undefined,
  },
  {
    title: 'a machine without a zone of the spec stands wherever it stands',
    seen: { observed: { virtualMachine: virtualMachine({ zone: '3' }) } },
    step: undefined,
  },
  {
    title: 'a machine at rest follows when it is started',
    seen: { spec: { priority: 'Regular', powerState: 'Deallocated' } },
    step: undefined,
  },
  {
    title: 'after an eviction the unchanged spec rules no more',
    seen: { status: rescued, observed: onDemand },
    step: undefined,
  },
  {
    title: 'a spec that comes to ask for what runs already rebuilds nothing',
    seen: { status: rescued, observed: onDemand, spec: { priority: 'Regular' } },
    step: undefined,
  },
  {
    title: 'another size after an eviction stays on demand',
    seen: { status: rescued, observed: onDemand, spec: { size: 'Standard_NV6ads_A10_v5' } },
    step: begin('SizeChanged', 'Regular'),
  },
  {
    title: 'another size of a paused machine tries spot again',
    seen: {
      status: rescued,
      observed: { virtualMachine: virtualMachine({ priority: 'Regular', powerState: 'Deallocated' }) },
      spec: { size: 'Standard_NV6ads_A10_v5' },
    },
    step: begin('SizeChanged', 'Spot'),
  },
  {
    title: 'a machine that is not there yet is simply asked for in its new size',
    seen: { observed: bare, spec: { size: 'Standard_NV6ads_A10_v5' } },
    step: undefined,
  },
  {
    title: 'a request taken for lost made the machine that was meant before',
    seen: {
      status: {
        ...playing,
        incarnation: { number: 2, priority: 'Regular', specPriority: 'Regular', reason: 'PriorityChanged' },
      },
      spec: { priority: 'Regular' },
    },
    step: begin('PriorityChanged', 'Regular'),
  },
])('$title', ({ seen, step }) => {
  expect(change(sight(seen)).step).toEqual(step)
})
