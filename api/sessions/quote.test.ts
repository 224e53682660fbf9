import { expect, test } from 'vitest'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { quote, regionsOf } from './quote.ts'

const group = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/games'
const catalogue = parseCatalogue(`
games: { quake: { title: Quake, image: windows, tiers: [standard] } }
tiers: { standard: { title: Standard, pricePaisePerHour: 9000, sizes: [Standard_NV12ads_A10_v5] } }
sizes: { Standard_NV12ads_A10_v5: { driverClass: grid, family: F, vcpus: 12 } }
images:
  windows:
    id: ${group}/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0
    osType: Windows
    driverClass: grid
regions:
  centralindia:
    title: Pune
    subscriptionId: 00000000-0000-4000-8000-000000000001
    resourceGroup: games
    subnetId: ${group}/providers/Microsoft.Network/virtualNetworks/n/subnets/s
    probeCIDRs: [203.0.113.0/24]
`)
const wish = { catalogue, game: 'quake', tier: 'standard' }

test('A quote says the price and how far the balance reaches', () => {
  const about = { ratePaisePerHour: 9000n, paisePerMinute: 150n, neededPaise: 150n }
  expect(quote({ ...wish, availablePaise: 50_000n })).toMatchObject({ ...about, minutes: 333, isAffordable: true })
  expect(quote({ ...wish, availablePaise: 150n })).toMatchObject({ minutes: 1, isAffordable: true })
  expect(quote({ ...wish, availablePaise: 149n })).toMatchObject({ minutes: 0, isAffordable: false })
})

test('Regions are those of the catalogue: a wished one must be there, a preferred one may be gone', () => {
  const defaultRegions = ['gone', 'centralindia']
  expect(regionsOf({ catalogue, regions: undefined, defaultRegions })).toEqual(['centralindia'])
  expect(regionsOf({ catalogue, regions: ['centralindia'], defaultRegions: [] })).toEqual(['centralindia'])
  for (const regions of [['gone'], ['centralindia', 'gone'], []]) {
    expect(() => regionsOf({ catalogue, regions, defaultRegions })).toThrow(/no such region/)
  }
})
