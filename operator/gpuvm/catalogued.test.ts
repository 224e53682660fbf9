import { expect, test } from 'vitest'
import { catalogued } from './catalogued.ts'
import { empty, sight } from './sights.fixture.ts'

test('a region or image that the catalogue lacks stalls, with words that say what to do', () => {
  const nowhere = catalogued(sight({ status: 'None', region: 'Unknown', observed: empty }))
  expect(nowhere.stalled).toMatchObject({ reason: 'RegionUnknown' })
  expect(nowhere.stalled?.message).toBe(
    'The catalogue has no region westeurope. Add it to the catalogue, or create a GpuVm with one that it has.',
  )
  expect(catalogued(sight({ status: 'None', image: 'Unknown', observed: empty })).stalled?.reason).toBe('ImageUnknown')
})

test('a mistake in the catalogue does not take a machine away', () => {
  expect(catalogued(sight({ region: 'Unknown', image: 'Unknown' }))).toEqual({})
})
