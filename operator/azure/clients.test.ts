import {
  createHttpHeaders,
  createPipelineRequest,
  type PipelinePolicy,
  type PipelineResponse,
} from '@azure/core-rest-pipeline'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { budget } from './budget.ts'
import { createClients, deadline } from './clients.ts'
import { toAzureError } from './errors.ts'

const request = (abortSignal?: AbortSignal) =>
  createPipelineRequest({ url: 'https://management.azure.com', ...(abortSignal && { abortSignal }) })

/** A connection over which nothing comes: it ends when the request is given up. */
const halfOpen = async ({
  abortSignal,
}: {
  abortSignal?: { aborted: boolean; addEventListener: AbortSignal['addEventListener'] }
}) =>
  await new Promise<PipelineResponse>((_resolve, reject) => {
    abortSignal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
  })

test('a connection over which nothing comes is no answer', async () => {
  const outcome = await deadline(0.05).sendRequest(request(), halfOpen).catch(toAzureError)
  expect(outcome).toMatchObject({
    code: 'AzureUnreachable',
    message: 'Azure did not answer: nothing came within 0.05 s',
  })
})

test('who gives up by himself is told so', async () => {
  const stop = new AbortController()
  const outcome = deadline(30).sendRequest(request(stop.signal), halfOpen).catch(toAzureError)
  stop.abort()
  expect(await outcome).toMatchObject({ name: 'AbortError' })
})

test('an answer in time passes', async () => {
  const asked = request()
  const answer = { request: asked, status: 200, headers: createHttpHeaders() }
  expect(await deadline(30).sendRequest(asked, async () => answer)).toBe(answer)
  expect(asked.abortSignal).toBeUndefined()
})

test('a call stands in line, is given so long for its token and its answer, and is asked last whether it may be sent', () => {
  const settings = {
    ...{ tenantId: 'tenant', clientId: 'client', federatedTokenFile: '/nowhere' },
    ...{ authorityHost: 'https://login.microsoftonline.com', resourceManagerEndpoint: 'https://management.azure.com' },
  }
  const turn = { budget: budget({ clock }), urgency: 'Standing' as const, regionOf: () => undefined }
  const clients = createClients(settings, () => ({ getToken: async () => null }), { turn, permit: () => undefined })
  const ordered = ['budget', 'deadline', 'bearerTokenAuthenticationPolicy', 'fence']
  for (const { pipeline } of Object.values(clients('subscription'))) {
    const policies: PipelinePolicy[] = pipeline.getOrderedPolicies()
    const names = policies.map(({ name }) => name)
    expect(names.filter(name => ordered.includes(name))).toEqual(ordered)
    expect(names.at(-1)).toBe('fence')
  }
})
