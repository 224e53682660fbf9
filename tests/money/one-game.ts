// A catalogue of one game, for tests that are about money.
import type { Catalogue } from '../../crds/catalogue.ts'

export const catalogue = (pricePaisePerHour = 9000): Catalogue => ({
  games: { quake: { title: 'Quake', image: 'linux', tiers: ['standard'] } },
  tiers: { standard: { title: 'Standard', pricePaisePerHour, sizes: [], osDiskGiB: 128 } },
  sizes: {},
  images: {},
  regions: {
    centralindia: { title: 'Pune', subscriptionId: '', resourceGroup: '', subnetId: '', probeCIDRs: ['10.0.0.0/8'] },
  },
})
