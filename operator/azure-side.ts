// Azure, put together: the SDKs' clients behind the one interface, measured, each in its turn.
import type { Registry } from 'prom-client'
import type { CatalogueFile } from '../crds/catalogue-file.ts'
import type { Clock } from '../lib/process/clock.ts'
import { budget, type Urgency } from './azure/budget.ts'
import { createClients, credentials } from './azure/clients.ts'
import { azureMetrics, budgetMetrics } from './azure/metrics.ts'
import type { Azure } from './azure/provider.ts'
import { createAzure } from './azure/sdk.ts'
import type { Settings } from './settings.ts'

/** Azure by how urgent it is to ask: all draw on one budget of requests. */
export function azureSide(outside: {
  settings: Pick<Settings, 'azure'>
  registry: Registry
  clock: Clock
  catalogue: Pick<CatalogueFile, 'current'>
  /** How many times faster than in earnest Azure's time runs; its limits refill faster too. */
  speed: number
  /** Throws while nothing may be changed. */
  permit: () => void
}): (urgency: Urgency) => Azure {
  const { settings, registry, clock, catalogue, speed, permit } = outside
  const requests = budget({ clock, speed })
  budgetMetrics(registry, requests)
  const measured = azureMetrics({ registry, monotonic: clock.monotonic })
  const credentialOf = credentials(
    settings.azure,
    subscriptionId => catalogue.current().subscriptions?.[subscriptionId],
  )
  const regionOf = (subscriptionId: string, resourceGroup: string) => {
    const isIts = (one: { subscriptionId: string; resourceGroup: string }) =>
      one.subscriptionId.toLowerCase() === subscriptionId.toLowerCase() &&
      one.resourceGroup.toLowerCase() === resourceGroup.toLowerCase()
    return Object.entries(catalogue.current().regions).find(([, region]) => isIts(region))?.[0]
  }
  const made = new Map<Urgency, Azure>()
  return urgency => {
    const known = made.get(urgency)
    if (known) return known
    const turn = { budget: requests, urgency, regionOf }
    const clients = createClients(settings.azure, credentialOf, { turn, permit })
    const azure = measured(createAzure(settings.azure, clients))
    made.set(urgency, azure)
    return azure
  }
}
