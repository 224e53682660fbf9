import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../../lib/telemetry/log.ts'
import { catalogue } from '../gamesession/sights.fixture.ts'
import { fetchPrices, type Price } from './price-list.ts'
import { prices } from './prices.ts'

const item = (more: object) => ({
  currencyCode: 'USD',
  retailPrice: 1,
  meterName: 'NV6ads A10 v5',
  productName: 'Virtual Machines NVadsA10v5 Series',
  unitOfMeasure: '1 Hour',
  type: 'Consumption',
  ...more,
})

/** A price list of these pages. */
async function listOf(pages: object[][]): Promise<string> {
  const server = createServer((request, response) => {
    const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? '0')
    const more = page + 1 < pages.length ? `http://${request.headers.host}/?page=${page + 1}` : null
    response.end(JSON.stringify({ Items: pages[page] ?? [], NextPageLink: more }))
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

const ask = (endpoint: string) =>
  fetchPrices({ endpoint, region: 'near', size: 'Standard_A' }, AbortSignal.timeout(5000))

test('spot and on-demand, with Windows and without, are told apart over all pages', async () => {
  const endpoint = await listOf([
    [item({}), item({ meterName: 'NV6ads A10 v5 Spot', retailPrice: 0.2 })],
    [item({ productName: 'Virtual Machines NVadsA10v5 Series Windows', retailPrice: 1.3 })],
  ])
  expect(await ask(endpoint)).toEqual([
    { priority: 'Regular', os: 'Linux', usdPerHour: 1 },
    { priority: 'Spot', os: 'Linux', usdPerHour: 0.2 },
    { priority: 'Regular', os: 'Windows', usdPerHour: 1.3 },
  ])
})

test.each([
  { meterName: 'NV6ads A10 v5 Low Priority' },
  { unitOfMeasure: '100 Hours' },
  { type: 'Reservation' },
  { currencyCode: 'INR' },
])('what is no plain hour of the machine is left out: %o', async more => {
  expect(await ask(await listOf([[item(more)]]))).toEqual([])
})

test('what is no price list is an error', async () => {
  await expect(ask(await listOf([[{ price: 'cheap' }]]))).rejects.toThrow()
})

test('a list that cannot be read leaves the last prices standing, and is asked again sooner', async () => {
  const stop = new AbortController()
  const waits: number[] = []
  const answers: (() => Promise<Price[]>)[] = [
    async () => [{ priority: 'Spot', os: 'Linux', usdPerHour: 0.2 }],
    () => Promise.reject(new Error('no answer')),
  ]
  let round = 0
  let changes = 0
  const list = prices({
    clock: {
      now: () => new Date(0),
      monotonic: () => 0,
      sleep: async milliseconds => {
        waits.push(milliseconds / 1000)
        round += 1
        if (round === answers.length) stop.abort()
      },
    },
    log: createLogger({ program: 'test', level: 'silent' }),
    catalogue: () => catalogue,
    fetch: () => answers[round]?.() ?? Promise.resolve([]),
    onChange: () => {
      changes += 1
    },
  })
  await list.run({ stop: stop.signal, abort: stop.signal })
  const place = { region: 'centralindia', size: 'Standard_A', priority: 'Spot' } as const
  expect(list.priceOf(place, 'Linux')).toBe(0.2)
  expect(list.priceOf(place, 'Windows')).toBeUndefined()
  expect(waits).toEqual([3600, 60])
  expect(changes).toBe(1)
})
