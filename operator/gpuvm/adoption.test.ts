import { expect, test } from 'vitest'
import { retagging } from './adoption.ts'
import { bare, osDisk, playing, sight, UID, virtualMachine } from './sights.fixture.ts'

const another = '0f0e0d0c-0000-4000-8000-000000000001'
const status = { ...playing, adoptedFrom: another }
const old = virtualMachine({ ownerUid: another })
const oldDisk = { ...osDisk, ownerUid: another }

test('what an object took up is tagged as its own; what it made itself is', () => {
  const seen = { status, observed: { ...bare, virtualMachine: old, osDisk: oldDisk } }
  const resources = [{ kind: 'virtualMachine' }, { kind: 'osDisk' }]
  expect(retagging(sight(seen))).toMatchObject({ step: { do: 'Retag', resources }, because: { reason: 'Adopting' } })
  expect(retagging(sight({ ...seen, status: playing }))).toEqual({})
  expect(retagging(sight({ status, observed: bare }))).toEqual({})
  expect(osDisk.ownerUid).toBe(UID)
})

test('what Azure is still changing is not changed once more: the rest is tagged, and it is waited for', () => {
  const busy = { ...oldDisk, provisioningState: 'Updating' as const }
  const both = sight({ status, observed: { ...bare, virtualMachine: old, osDisk: busy } })
  expect(retagging(both).step).toEqual({ do: 'Retag', resources: [{ kind: 'virtualMachine' }] })
  const alone = retagging(sight({ status, observed: { ...bare, virtualMachine: virtualMachine(), osDisk: busy } }))
  expect(alone).toMatchObject({ because: { reason: 'Adopting' }, requeueAfterSeconds: 4 })
  expect(alone.step).toBeUndefined()
})
