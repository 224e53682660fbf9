import { expect, test } from 'vitest'
import type { SnapshotSeen, SourceDiskSeen } from '../azure/provider.ts'
import { copying } from './copying.ts'
import { type CopySeen, decide } from './decision.ts'
import { deletion } from './deletion.ts'
import { bare, type Different, leaving, osDisk, refusedBy, sight, UID } from './sights.fixture.ts'

const copyOf = '/subscriptions/other/resourceGroups/far/providers/Microsoft.Compute/disks/gvm-home-os'
const spec = { disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' as const, copyOf } } }
const source: SourceDiskSeen = { id: copyOf, region: 'northeurope', tags: {}, isInUse: false }
const whole: SnapshotSeen = {
  id: 'snapshot',
  ownerUid: UID,
  provisioningState: 'Succeeded',
  completionPercent: 100,
  failure: undefined,
}
const nothing: CopySeen = { source, taken: undefined, copied: undefined }
const locked = { observedGeneration: 1, lastError: { ...refusedBy('ScopeLocked'), step: 'DeleteResources' } }
const seen = (copy: Partial<CopySeen>, different: Different = {}) =>
  sight({
    spec,
    status: 'None',
    ...different,
    observed: { ...bare, osDisk: undefined, copy: { ...nothing, ...copy }, ...different.observed },
  })

test.each<{ title: string; copy: Partial<CopySeen>; different?: Different; expected: object }>([
  { title: 'first a snapshot is taken', copy: {}, expected: { step: { do: 'TakeSnapshot' } } },
  {
    title: 'I1: not while a machine runs on the disk',
    copy: { source: { ...source, isInUse: true } },
    expected: { because: { reason: 'CopyingDisk', message: expect.stringContaining('has to be stopped') } },
  },
  { title: 'then it is copied', copy: { taken: whole }, expected: { step: { do: 'CopySnapshot' } } },
  {
    title: 'a snapshot that is still made is waited for',
    copy: { taken: { ...whole, provisioningState: 'Creating' } },
    expected: { because: { reason: 'CopyingDisk' } },
  },
  {
    title: 'a copy is waited for, and told in steps of ten percent',
    copy: { taken: whole, copied: { ...whole, completionPercent: 47 } },
    expected: { because: { message: 'The saves are copied to westeurope: 40 %.' }, requeueAfterSeconds: 15 },
  },
  {
    title: 'a whole copy is made a disk, though what it was copied from is gone',
    copy: { source: undefined, copied: whole },
    expected: { step: { do: 'PutOsDisk' } },
  },
  {
    title: 'a copy that failed is begun anew',
    copy: { taken: whole, copied: { ...whole, failure: { code: 'CopySourceNotFound', message: 'No.' } } },
    expected: {
      step: { do: 'DeleteResources', resources: [{ kind: 'copiedSnapshot' }, { kind: 'takenSnapshot' }] },
      because: { message: expect.stringContaining('CopySourceNotFound') },
    },
  },
  {
    title: 'I2: once the disk stands the snapshots go',
    copy: { taken: whole, copied: whole },
    different: { observed: { osDisk } },
    expected: { step: { do: 'DeleteResources', resources: [{ kind: 'copiedSnapshot' }, { kind: 'takenSnapshot' }] } },
  },
  {
    title: 'I1: and nobody plays on what was copied',
    copy: { source: { ...source, isInUse: true } },
    different: { observed: { osDisk } },
    expected: { because: { message: expect.stringContaining('has to be stopped') } },
  },
  {
    title: 'snapshots that Azure refuses to delete hold up no machine',
    copy: { taken: whole, copied: whole },
    different: { observed: { osDisk }, status: locked },
    expected: {},
  },
  {
    title: 'I1: but nobody plays on what was copied, then either',
    copy: { source: { ...source, isInUse: true }, taken: whole },
    different: { observed: { osDisk }, status: locked },
    expected: { because: { message: expect.stringContaining('has to be stopped') } },
  },
  { title: 'then the machine is made', copy: {}, different: { observed: { osDisk } }, expected: {} },
  {
    title: 'snapshots on their way out are not waited for',
    copy: { taken: { ...whole, provisioningState: 'Deleting' } },
    different: { observed: { osDisk } },
    expected: {},
  },
  {
    title: 'a disk that failed is made once more from its copy',
    copy: { copied: whole },
    different: { observed: { osDisk: { ...osDisk, provisioningState: 'Failed' } } },
    expected: { step: { do: 'PutOsDisk' } },
  },
  ...(['Creating', 'Updating', 'Deleting'] as const).map(provisioningState => ({
    title: `while the disk is ${provisioningState} its copy is kept, from which it may have to be made once more`,
    copy: { taken: whole, copied: whole },
    different: { observed: { osDisk: { ...osDisk, provisioningState } } },
    expected: { because: { message: 'The disk is made from its copy.' }, requeueAfterSeconds: 15 },
  })),
  {
    title: 'I8: a disk that is not there stalls it, with the field',
    copy: { source: undefined },
    expected: { stalled: { reason: 'SourceDiskGone', message: expect.stringContaining('spec.disks.os.copyOf') } },
  },
  {
    title: 'I8: another player’s disk is not to be had',
    copy: { source: { ...source, tags: { 'wasd-installation': 'test', 'wasd-player': 'karpov' } } },
    expected: { stalled: { reason: 'SourceDiskForeign' } },
  },
  {
    title: 'nor another installation’s',
    copy: { source: { ...source, tags: { 'wasd-installation': 'other' } } },
    expected: { stalled: { reason: 'SourceDiskForeign' } },
  },
  {
    title: 'at rest nothing is copied',
    copy: {},
    different: { spec: { ...spec, powerState: 'Deallocated' } },
    expected: {},
  },
])('$title', ({ copy, different, expected }) => {
  const verdict = copying(seen(copy, different))
  if (Object.keys(expected).length === 0) expect(verdict).toEqual({})
  else expect(verdict).toMatchObject(expected)
})

test('I2: given back on the way, both snapshots go with all the rest, and the object last', () => {
  const decided = (copy: Partial<CopySeen>) =>
    decide(
      [deletion],
      seen(copy, {
        metadata: leaving,
        observed: { networkInterface: undefined, publicIPAddress: undefined, hasBootstrapSecret: false },
      }),
    ).step
  expect(decided({ taken: whole, copied: whole })).toEqual({
    do: 'DeleteResources',
    resources: [{ kind: 'copiedSnapshot' }, { kind: 'takenSnapshot' }],
  })
  expect(decided({ taken: { ...whole, provisioningState: 'Deleting' } })).toBeUndefined()
  expect(decided({})).toEqual({ do: 'ReleaseObject' })
})
