import { expect, test } from 'vitest'
import { creation } from './creation.ts'
import { bare, evicted, sight } from './sights.fixture.ts'

test('the machine is asked for once it is nowhere, and only where it is to run', () => {
  expect(creation(sight({ observed: bare }))).toMatchObject({
    step: { do: 'CreateVirtualMachine' },
    because: { message: 'Azure is asked for a spot machine, Standard_NV12ads_A10_v5.' },
  })
  expect(creation(sight({ status: evicted, observed: bare })).because?.message).toContain('an on-demand')
  expect(creation(sight())).toEqual({})
  expect(creation(sight({ observed: bare, spec: { powerState: 'Deallocated' } }))).toEqual({})
})
