import { beforeAll, expect, test } from 'vitest'
import { loadSchemas, type Schemas } from './schemas.ts'

let schemas: Schemas
beforeAll(async () => {
  schemas = await loadSchemas()
})

const machine = (properties: unknown) => ({ location: 'westeurope', properties })

test.each([
  ['an unknown member', machine({ foo: 1 }), 'unknown', 'properties.foo'],
  [
    'a number for a string',
    machine({ hardwareProfile: { vmSize: 3 } }),
    'wrong type',
    'properties.hardwareProfile.vmSize',
  ],
  [
    'an object for a list',
    machine({ storageProfile: { dataDisks: {} } }),
    'wrong type',
    'properties.storageProfile.dataDisks',
  ],
  ['a text for an object', machine('large'), 'wrong type', 'properties'],
  [
    'a value outside a closed list',
    machine({ storageProfile: { osDisk: { createOption: 'Attach', osType: 'BeOS' } } }),
    'value not known',
    'properties.storageProfile.osDisk.osType',
  ],
  ['a value outside an open list', machine({ priority: 'Urgent' }), 'value not known', 'properties.priority'],
  [
    'a required member of a list item',
    machine({ storageProfile: { dataDisks: [{ createOption: 'Empty' }] } }),
    'missing',
    'properties.storageProfile.dataDisks[0].lun',
  ],
  ['a required member that is null', { location: null }, 'missing', 'location'],
  ['a tag that is no text', { location: 'westeurope', tags: { a: 1 } }, 'wrong type', 'tags.a'],
])('a request with %s is told by its path', (_, body, kind, path) => {
  expect(schemas.checkRequest('compute', 'VirtualMachine', body).faults).toMatchObject([{ kind, path }])
})

test('a request loses nulls and what only Azure may write, and gets the known case of a value', () => {
  const { body, faults } = schemas.checkRequest('compute', 'VirtualMachine', {
    location: 'westeurope',
    id: 'mine',
    zones: null,
    properties: { priority: 'spot', vmId: 'mine', hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' } },
  })
  expect(faults).toEqual([])
  expect(body).toEqual({
    location: 'westeurope',
    properties: { priority: 'Spot', hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' } },
  })
})

test('a reply is held against the same schema, read-only members included', () => {
  const reply = {
    id: 'x',
    location: 'westeurope',
    properties: { vmId: 7, provisioningState: 'Succeeded', mood: 'good' },
  }
  const faults = schemas.checkReply('compute', 'VirtualMachine', reply)
  expect(faults.map(fault => [fault.kind, fault.path])).toEqual([
    ['wrong type', 'properties.vmId'],
    ['unknown', 'properties.mood'],
  ])
})
