// What the platform itself noted last about machines: why one stands still, or that its host is not well.
// https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
// https://learn.microsoft.com/azure/virtual-machines/resource-graph-availability
import { z } from 'zod'
import type { SubscriptionClients } from './clients.ts'
import type { Annotation } from './provider.ts'

const rows = z.array(z.object({ machine: z.string(), name: z.string(), at: z.coerce.date() }))

/** The ids are ARM's own, as a GET gave them; what could end the literal is left out all the same. */
export async function listAnnotations(
  { graph }: Pick<SubscriptionClients, 'graph'>,
  asked: { subscriptionId: string; machineIds: readonly string[] },
  abortSignal: AbortSignal,
): Promise<Annotation[]> {
  const ids = asked.machineIds.map(id => `'${id.replace(/['\\]/g, '')}'`).join(', ')
  const query = [
    'HealthResources',
    "| where type =~ 'microsoft.resourcehealth/resourceannotations'",
    `| where properties.targetResourceId in~ (${ids})`,
    '| project machine = tostring(properties.targetResourceId), name = tostring(properties.annotationName), at = tostring(properties.occurredTime)',
  ].join(' ')
  const options = { resultFormat: 'objectArray' as const }
  const reply = await graph.resources({ query, subscriptions: [asked.subscriptionId], options }, { abortSignal })
  return rows.parse(reply.data).map(({ machine, name, at }) => ({ machineId: machine.toLowerCase(), name, at }))
}
