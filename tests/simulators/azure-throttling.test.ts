// Azure's limits: what counts against which, what a reply tells of them, and when they fill up.
import { expect, test } from 'vitest'
import { azuresByHand, by, vm } from './azure-by-hand.ts'

const azureByHand = azuresByHand()

test('limits count down, refuse with Retry-After, and fill up again', async () => {
  const azure = await azureByHand()
  const { call, pass } = by(azure)
  const first = await call('GET', vm('nobody'))
  expect(first.headers['x-ms-ratelimit-remaining-subscription-reads']).toBe('249')
  expect(first.headers['x-ms-ratelimit-remaining-resource']).toContain('Microsoft.Compute/GetVMResourceMaximum;35')
  for (let turn = 0; turn < 35; turn += 1) expect((await call('GET', vm('nobody'))).status).toBe(404)
  const refused = await call('GET', vm('nobody'))
  expect(refused).toMatchObject({
    status: 429,
    headers: { 'retry-after': '5' },
    body: { error: { code: 'OperationNotAllowed' } },
  })
  expect((await call('GET', vm('somebody'))).status).toBe(404)
  await pass(5)
  expect((await call('GET', vm('nobody'))).status).toBe(404)
  expect((await call('GET', vm('nobody'))).status).toBe(429)
})

test('a change of its tags is an update of the machine to Compute, a look at them is none', async () => {
  const azure = await azureByHand()
  const { call, pass, network, put } = by(azure)
  await network('marked')
  await put('marked', 'marked')
  await pass(300)
  const tags = `${vm('marked')}/providers/Microsoft.Resources/tags/default?api-version=2025-04-01`
  const told = async (method: string, body?: object) =>
    String((await call(method, tags, body)).headers['x-ms-ratelimit-remaining-resource'])
  const merge = { operation: 'Merge', properties: { tags: { seat: 'a' } } }
  expect(await told('PATCH', merge)).toContain('Microsoft.Compute/UpdateVMResourceMaximum;11')
  expect(await told('GET')).not.toContain('UpdateVM')
  expect(await told('PATCH', merge)).toContain('Microsoft.Compute/UpdateVMResourceMaximum;10')
})

test('without throttling there are no limits and no headers, until it is asked for', async () => {
  const azure = await azureByHand('--throttling=off')
  const limits = async () => {
    const { headers } = await by(azure).call('GET', vm('nobody'))
    return Object.keys(headers).filter(name => name.includes('ratelimit'))
  }
  expect(await limits()).toEqual([])
  await azure.control('POST', 'throttling', { enabled: true })
  expect(await limits()).not.toEqual([])
})
