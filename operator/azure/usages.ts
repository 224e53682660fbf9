// What the subscription has used of its quotas in a region, in both lists that Azure gives.
// https://learn.microsoft.com/rest/api/compute/usage/list and
// https://learn.microsoft.com/rest/api/virtualnetwork/usages/list
import type { SubscriptionClients } from './clients.ts'
import type { Usage } from './provider.ts'

interface Listed {
  name?: { value?: string }
  currentValue: number
  limit: number
}

export async function listUsages(
  { compute, network }: SubscriptionClients,
  region: string,
  abortSignal: AbortSignal,
): Promise<Usage[]> {
  const usages: Usage[] = []
  const gather = async (list: AsyncIterable<Listed>) => {
    for await (const { name, currentValue, limit } of list) {
      if (name?.value !== undefined) usages.push({ name: name.value, used: currentValue, limit })
    }
  }
  await gather(compute.usage.list(region, { abortSignal }))
  await gather(network.usages.list(region, { abortSignal }))
  return usages
}
