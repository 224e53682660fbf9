// Long-running operations, begun here, finished anywhere: a poller's state is written down and taken up again.
import { restorePoller as restoreComputes } from '@azure/arm-compute'
import { restorePoller as restoreNetworks } from '@azure/arm-network'
import { restorePoller as restoreResources } from '@azure/arm-resources'
import type { OperationState as LroState, PollerLike } from '@azure/core-lro'
import type { SubscriptionClients } from './clients.ts'
import { AzureError, OPERATION_FAILED, toAzureError } from './errors.ts'
import type { Accepted, AcceptedOperation, OperationState } from './provider.ts'

type Clients = Pick<SubscriptionClients, 'compute' | 'network' | 'resources'>

/** Sends the request, waits for its first reply alone, and gives what resumes it. */
export async function accepted<Result>(poller: PollerLike<LroState<Result>, Result>): Promise<AcceptedOperation> {
  await poller.submitted()
  return { poller: await poller.serialize() }
}

/** The same of what may be done with the first reply. Its end is seen by looking at the resource, its failure told by this. */
export async function submitted<Result>(poller: PollerLike<LroState<Result>, Result>): Promise<Accepted> {
  await poller.submitted()
  return poller.isDone ? undefined : { poller: await poller.serialize() }
}

/** One look at an operation. Throws `AzureError` when Azure did not say; a failed operation is a state, not an error. */
export async function lookAtOperation(
  clients: Clients,
  { poller: stored, endpoint, signal }: { poller: string; endpoint: string; signal: AbortSignal },
): Promise<OperationState> {
  const poller = isOurs(stored, endpoint) ? restored(clients, stored) : undefined
  if (!poller) return { is: 'Forgotten' }
  try {
    const state = await poller.poll({ abortSignal: signal })
    if (state.status === 'succeeded') return { is: 'Succeeded' }
    if (state.status === 'failed' || state.status === 'canceled') return failed(state.error)
    return { is: 'Running' }
  } catch (thrown) {
    const error = toAzureError(thrown)
    if (!(error instanceof AzureError)) throw error
    // Kept by Azure for some hours only. A resource that is gone when its operation ends comes to the same, and so does a
    // look that our role does not permit: what the operation is about can be looked at itself.
    if (error.status === 404 || error.status === 403) return { is: 'Forgotten' }
    // A reply with an HTTP status is Azure refusing the look; without one it is the operation that has failed. But of what is
    // asked for at its result's URL alone, a refusal is the result.
    if (isOfResources(stored) && isResult(error)) return failed(error)
    const isOperations = error.status === undefined && error.cause instanceof Error && error.cause.name === 'Error'
    if (isOperations) return failed(error)
    throw error
  }
}

/** Whose request it was does not matter to the look; whose service it is does. */
function restored({ compute, network, resources }: Clients, stored: string) {
  try {
    const state = withoutResource(stored)
    if (isOfResources(stored)) return restoreResources(resources, state, resources.tagsOperations.updateAtScope)
    return /\/providers\/Microsoft\.Network\/locations\//i.test(state)
      ? restoreNetworks(network, state, network.publicIPAddresses.createOrUpdate)
      : restoreComputes(compute, state, compute.virtualMachines.createOrUpdate)
  } catch {
    return undefined // Not what `serialize` wrote: nothing can be learnt from it.
  }
}

/** Resource Manager's own, which are asked for at `Location`. */
function isOfResources(stored: string): boolean {
  return /\/subscriptions\/[^/"]+\/operationresults\//i.test(stored)
}

/** Neither who asks nor how often is refused. */
function isResult({ status = 0 }: AzureError): boolean {
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status)
}

/** At the end of an operation the SDK would read what it was about; whoever asked looks himself, and at more than that. */
function withoutResource(stored: string): string {
  return JSON.stringify(JSON.parse(stored, (key, value: unknown) => (key === 'resourceLocation' ? undefined : value)))
}

function failed(thrown: unknown): OperationState {
  const error = toAzureError(thrown)
  if (error instanceof AzureError) return { is: 'Failed', code: error.code, message: error.message }
  return {
    is: 'Failed',
    code: OPERATION_FAILED,
    message: error instanceof Error ? error.message : 'No reason was given.',
  }
}

/** The poller's state stands in an object's status, where others can write: our token goes nowhere but to Azure. */
function isOurs(stored: string, endpoint: string): boolean {
  const { origin } = new URL(endpoint)
  const urls = stored.match(/https?:\/\/[^"\\\s]+/g) ?? []
  return urls.every(url => URL.canParse(url) && new URL(url).origin === origin)
}
