import { expect, test } from 'vitest'
import { deletion } from './deletion.ts'
import { verdictOn } from './phases.ts'
import {
  bare,
  type Different,
  empty,
  evicted,
  leaving,
  networkInterface,
  osDisk,
  publicIPAddress,
  sight,
  virtualMachine,
} from './sights.fixture.ts'

const deleting = (different: Different) => deletion(sight({ metadata: leaving, ...different })).step
const remove = (incarnation: number) => ({ do: 'DeleteVirtualMachine', incarnation })
const resources = (...list: object[]) => ({ do: 'DeleteResources', resources: list })

test('an object that nobody deletes is not its business', () => {
  expect(deletion(sight())).toEqual({})
})

test.each<{ title: string; seen: Different; step: object | undefined }>([
  { title: 'the machine goes first', seen: {}, step: remove(1) },
  {
    title: 'I2: a running creation is overtaken',
    seen: {
      observed: {
        virtualMachine: virtualMachine({ provisioningState: 'Creating', powerState: 'Unknown' }),
        operation: { is: 'Running' },
      },
    },
    step: remove(1),
  },
  {
    title: 'a machine that Azure removes already is waited for',
    seen: { observed: { virtualMachine: virtualMachine({ provisioningState: 'Deleting' }) } },
    step: undefined,
  },
  {
    title: 'I2: the machine that came before goes too',
    seen: { status: evicted, observed: { ...bare, predecessor: virtualMachine() } },
    step: remove(1),
  },
  {
    title: 'then interface and disk, which nothing holds any more',
    seen: { observed: bare },
    step: resources({ kind: 'bootstrapSecret' }, { kind: 'networkInterface' }, { kind: 'osDisk' }),
  },
  {
    title: 'the address after its interface',
    seen: { observed: { ...empty, publicIPAddress, hasBootstrapSecret: false } },
    step: resources({ kind: 'publicIPAddress' }),
  },
  {
    title: 'a disk that Azure still holds is waited for',
    seen: { observed: { ...empty, osDisk: { ...osDisk, managedBy: 'vm' }, hasBootstrapSecret: false } },
    step: undefined,
  },
  {
    title: 'an interface that is going is waited for, and so is its address',
    seen: {
      observed: {
        ...empty,
        networkInterface: { ...networkInterface, provisioningState: 'Deleting' },
        publicIPAddress,
        hasBootstrapSecret: false,
      },
    },
    step: undefined,
  },
  {
    title: 'data disks go by the name in the spec',
    seen: {
      spec: {
        disks: {
          os: { sizeGiB: 128, sku: 'StandardSSD_LRS' },
          data: [{ name: 'saves', lun: 0, sizeGiB: 64, sku: 'StandardSSD_LRS' }],
        },
      },
      observed: { ...empty, dataDisks: [osDisk], hasBootstrapSecret: false },
    },
    step: resources({ kind: 'dataDisk', name: 'saves' }),
  },
  {
    title: 'a disk that somebody tagged to be kept is left, and all else goes',
    seen: { observed: { ...bare, osDisk: { ...osDisk, isKept: true } } },
    step: resources({ kind: 'bootstrapSecret' }, { kind: 'networkInterface' }),
  },
  {
    title: 'a disk that is kept is not waited for',
    seen: { observed: { ...empty, osDisk: { ...osDisk, isKept: true }, hasBootstrapSecret: false } },
    step: { do: 'ReleaseObject' },
  },
  {
    title: 'I2: the finalizer goes last, when live reads show nothing',
    seen: { observed: { ...empty, hasBootstrapSecret: false } },
    step: { do: 'ReleaseObject' },
  },
  {
    title: 'with no place to look nothing was ever made there',
    seen: { region: 'Unknown', observed: { ...empty, sight: 'None', hasBootstrapSecret: false } },
    step: { do: 'ReleaseObject' },
  },
  {
    title: 'the bootstrap Secret is its own even then',
    seen: { region: 'Unknown', observed: { ...empty, sight: 'None' } },
    step: resources({ kind: 'bootstrapSecret' }),
  },
])('$title', ({ seen, step }) => {
  expect(deleting(seen)).toEqual(step)
})

test('a deletion that failed late is not repeated at once, and says why', () => {
  const operation = { kind: 'Delete' as const, resource: 'vm', since: '2026-11-24T11:59:00.000Z' }
  const verdict = verdictOn(
    sight({
      metadata: leaving,
      status: { operation },
      observed: { operation: { is: 'Failed', code: 'InternalExecutionError', message: 'Oops.' } },
    }),
  )
  expect(verdict).toEqual({
    because: { reason: 'InternalExecutionError', message: 'Azure failed to do it; it is tried again. Oops.' },
    requeueAfterSeconds: 30,
  })
})
