// Long-running operations, begun here, finished anywhere: a poller's state is written down and taken up again.
import { restorePoller } from '@azure/arm-compute'
import type { OperationState as LroState, PollerLike } from '@azure/core-lro'
import type { SubscriptionClients } from './clients.ts'
import { AzureError, OPERATION_FAILED, toAzureError } from './errors.ts'
import type { AcceptedOperation, OperationState } from './provider.ts'

/** Sends the request, waits for its first reply alone, and gives what resumes it. */
export async function accepted<Result>(poller: PollerLike<LroState<Result>, Result>): Promise<AcceptedOperation> {
  await poller.submitted()
  return { poller: await poller.serialize() }
}

/** Sends the request and waits for its first reply; the end is seen by looking at the resource. */
export async function submitted<Result>(poller: PollerLike<LroState<Result>, Result>): Promise<void> {
  await poller.submitted()
}

/** One look at an operation. Throws `AzureError` when Azure did not say; a failed operation is a state, not an error. */
export async function lookAtOperation(
  clients: SubscriptionClients,
  options: { poller: string; endpoint: string; signal: AbortSignal },
): Promise<OperationState> {
  refuseForeignHosts(options)
  const poller = restorePoller(clients.compute, options.poller, clients.compute.virtualMachines.createOrUpdate)
  try {
    const state = await poller.poll({ abortSignal: options.signal })
    if (state.status === 'succeeded') return { is: 'Succeeded' }
    if (state.status === 'failed' || state.status === 'canceled') return failed(state.error)
    return { is: 'Running' }
  } catch (thrown) {
    const error = toAzureError(thrown)
    // A reply with an HTTP status is Azure refusing the look; without one it is the operation that has failed.
    if (
      error instanceof AzureError &&
      error.status === undefined &&
      error.cause instanceof Error &&
      error.cause.name === 'Error'
    ) {
      return failed(error)
    }
    throw error
  }
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
function refuseForeignHosts(options: { poller: string; endpoint: string }): void {
  const host = new URL(options.endpoint).host
  const urls = options.poller.match(/https?:\/\/[^"\\\s]+/g) ?? []
  const foreign = urls.find(url => !URL.canParse(url) || new URL(url).host !== host)
  if (foreign !== undefined) {
    throw new AzureError(
      'ForeignPoller',
      'The stored operation points at a host that is not Azure Resource Manager. It is not followed.',
      { status: 400 },
    )
  }
}
