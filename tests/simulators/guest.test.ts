// The guest simulator as an operator's probe and a guest agent see it, following a feed of the form that the Azure
// simulator's README gives.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { startSimulator } from './program.ts'

/** Milliseconds of a boot of 20 s, 200 times as fast, with all jitter taken off. */
const BOOT_AT_LEAST = 90
const ready = z.object({ listening: z.string(), metadata: z.string() })

/** A feed that a test writes by hand; one `port` over several lives, as after a restart. */
class Azure {
  #server = createServer()
  #events: Record<string, unknown>[] = []
  #waiting = new Set<{ response: ServerResponse; since: number }>()
  osDiskUniqueId = 'first'
  port = 0

  async start(): Promise<void> {
    this.#events = []
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://azure')
      this.#feed(response, url.searchParams)
    })
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address) this.port = address.port
  }

  async stop(): Promise<void> {
    this.#waiting.clear()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  tell(
    event: { vmName: string; vmId: string; state: 'running' | 'stopped'; reason: string } & Record<string, unknown>,
  ): void {
    const time = new Date().toISOString()
    this.#events.push({
      seq: this.#events.length,
      time,
      resourceGroup: 'play',
      region: 'centralindia',
      tags: {},
      ...event,
    })
    for (const { response, since } of this.#waiting) this.#answer(response, since)
    this.#waiting.clear()
  }

  #feed(response: ServerResponse, query: URLSearchParams): void {
    const since = Number(query.get('since'))
    if (query.has('waitSeconds') && since >= this.#events.length) this.#waiting.add({ response, since })
    else this.#answer(response, since)
  }

  /** Of what comes next. */
  get next(): number {
    return this.#events.length
  }

  #answer(response: ServerResponse, since: number): void {
    response.end(JSON.stringify({ events: this.#events.slice(since), next: this.#events.length }))
  }
}

let azure: Azure
let guests: Awaited<ReturnType<typeof startSimulator<typeof ready>>>
let address: string

beforeEach(async () => {
  azure = new Azure()
  await azure.start()
  guests = await startGuests()
  const part = () => 1 + Math.floor(Math.random() * 250)
  address = `127.${100 + (part() % 20)}.${part()}.${part()}`
})

const startGuests = async (...more: string[]) =>
  await startSimulator('guest', ready, [
    ...['--azure', `http://127.0.0.1:${azure.port}`, '--boot-seconds', '20', '--speed', '200'],
    ...more,
  ])

afterEach(async () => {
  expect(await guests.stop()).toBe(0)
  await azure.stop()
})

function runs(vmId: string, more: Record<string, unknown> = {}): void {
  const disk = { osDiskId: '/disks/os', osDiskUniqueId: azure.osDiskUniqueId }
  azure.tell({ vmName: 'vm-1', vmId, publicIP: address, state: 'running', reason: 'created', ...disk, ...more })
}
const stops = (vmId: string, reason = 'evicted') => azure.tell({ vmName: 'vm-1', vmId, state: 'stopped', reason })

/** The machine's answer, or why there is none. */
async function probe(path = '/serverinfo'): Promise<string> {
  try {
    const response = await fetch(`http://${address}:47989${path}`, { signal: AbortSignal.timeout(300) })
    return await response.text()
  } catch (error) {
    return error instanceof DOMException ? 'no answer' : 'refused'
  }
}
const answering = () =>
  expect.poll(() => probe(), { timeout: 3000, interval: 20 }).toContain('<root status_code="200">')
const refused = () => expect.poll(() => probe(), { timeout: 3000, interval: 20 }).toBe('refused')
const uniqueIdIn = (text: string) => /<uniqueid>([0-9A-F-]{36})<\/uniqueid>/.exec(text)?.[1]

async function machines() {
  const response = await fetch(`${guests.listening}/simulator/machines`)
  const shape = z.object({ azure: z.string(), machines: z.array(z.looseObject({ vm: z.string(), state: z.string() })) })
  return shape.parse(await response.json())
}
const act = (path: string, body: unknown = {}) =>
  fetch(`${guests.listening}/simulator/machines/${path}`, { method: 'POST', body: JSON.stringify(body) })

test('a machine that runs answers as Sunshine on its public address, after its boot and until its stop', async () => {
  expect(await probe()).toBe('refused')
  runs('id-1', { computerName: 'asha-1' })
  await answering()
  const [machine] = (await machines()).machines
  expect(Date.parse(String(machine?.bootedAt)) - Date.parse(String(machine?.since))).toBeGreaterThanOrEqual(
    BOOT_AT_LEAST,
  )
  const xml = await probe()
  expect(xml).toContain('<hostname>asha-1</hostname><appversion>7.1.431.-1</appversion>')
  expect(xml).toContain('<HttpsPort>47984</HttpsPort><ExternalPort>47989</ExternalPort>')
  expect(xml).toContain('<PairStatus>0</PairStatus><currentgame>0</currentgame><state>SUNSHINE_SERVER_FREE</state>')
  expect(await probe('/applist')).toContain('<root status_code="404">')

  await act('vm-1/play', { playing: true })
  expect(await probe()).toContain('SUNSHINE_SERVER_BUSY')
  stops('id-1')
  await refused()
  expect((await machines()).machines).toEqual([])
})

test('moved by hand, time lets a machine boot when it is so late, and not before', async () => {
  const moveTo = async (milliseconds: number) => {
    const given = { time: new Date(began + milliseconds).toISOString(), feed: azure.next }
    return await fetch(`${guests.listening}/simulator/time`, { method: 'POST', body: JSON.stringify(given) })
  }
  const began = Date.now() + 3_600_000
  const byItself = await moveTo(0)
  expect(byItself.status).toBe(409)
  expect(await byItself.json()).toMatchObject({ error: expect.stringContaining('--clock manual') })

  expect(await guests.stop()).toBe(0)
  guests = await startGuests('--clock', 'manual', '--jitter', '0')
  runs('id-1', { time: new Date(began).toISOString() })
  await moveTo(99)
  expect((await machines()).machines).toMatchObject([{ vm: 'vm-1', state: 'booting' }])
  expect(await probe()).toBe('refused')
  await moveTo(100)
  expect((await machines()).machines).toMatchObject([{ vm: 'vm-1', state: 'answering' }])
  expect(await probe()).toContain('<root status_code="200">')
})

test('a new VM around the same OS disk keeps its identity, a new disk of the same name does not', async () => {
  runs('id-1')
  await answering()
  const first = uniqueIdIn(await probe())
  expect(first).toBeDefined()

  stops('id-1')
  await refused()
  runs('id-2')
  await answering()
  expect(uniqueIdIn(await probe())).toBe(first)

  stops('id-2', 'deleted')
  await refused()
  azure.osDiskUniqueId = 'second'
  runs('id-3')
  await answering()
  expect(uniqueIdIn(await probe())).not.toBe(first)
})

test('a hanging machine takes connections and does not answer, until it is resumed', async () => {
  runs('id-1')
  await answering()
  await act('vm-1/hang')
  expect(await probe()).toBe('no answer')
  expect((await machines()).machines).toMatchObject([{ state: 'hanging' }])
  await act('vm-1/resume')
  await answering()
  const unknown = await act('vm-7/hang')
  expect(unknown.status).toBe(404)
  expect(await unknown.json()).toEqual({ error: 'no machine vm-7 runs; there are vm-1' })
})

test('machines outlive the Azure simulator, and those that a restarted one does not know are stopped', async () => {
  runs('id-1')
  await answering()
  await azure.stop()
  await expect.poll(async () => (await machines()).azure).toBe('away')
  expect(await probe()).toContain('SUNSHINE_SERVER_FREE')
  await azure.start()
  await refused()
  expect((await machines()).azure).toBe('connected')
  runs('id-2')
  await answering()
})

const preempted = {
  vmName: 'vm-1',
  vmId: 'id-1',
  state: 'running',
  reason: 'preempt',
  preemptAt: '2026-01-02T03:04:05.000Z',
} as const

test('the metadata service tells the machine, and no other, of its Preempt notice', async () => {
  runs('id-1', { tags: { session: 's-1' }, userData: 'aGk=' })
  await answering()
  const ask = (path: string, headers: Record<string, string> = { Metadata: 'true' }) =>
    fetch(`${guests.metadata}/machines/vm-1/metadata/${path}`, { headers })
  const events = async () => (await ask('scheduledevents?api-version=2020-07-01')).json()
  expect(await events()).toEqual({ DocumentIncarnation: 1, Events: [] })

  azure.tell(preempted)
  const notice = {
    EventType: 'Preempt',
    EventStatus: 'Scheduled',
    Resources: ['vm-1'],
    NotBefore: 'Fri, 02 Jan 2026 03:04:05 GMT',
  }
  await expect.poll(events).toMatchObject({ DocumentIncarnation: 2, Events: [notice] })

  const instance = await ask('instance?api-version=2021-02-01')
  expect(await instance.json()).toMatchObject({
    compute: { name: 'vm-1', vmId: 'id-1', tags: 'session:s-1', userData: 'aGk=' },
  })
  expect(await (await ask('instance/compute/userData?api-version=2021-01-01&format=text')).text()).toBe('aGk=')
  expect((await ask('instance?api-version=2021-02-01', {})).status).toBe(400)
  expect((await ask('instance')).status).toBe(400)
  const byHeader = await fetch(`${guests.metadata}/metadata/instance/compute/name?api-version=2021-02-01&format=text`, {
    headers: { Metadata: 'true', 'X-Machine': 'vm-1' },
  })
  expect(await byHeader.text()).toBe('vm-1')

  stops('id-1')
  await refused()
  await expect(ask('scheduledevents?api-version=2020-07-01')).rejects.toThrow()
})

test.each([
  { event: 'Freeze', seconds: 900 },
  { event: 'Reboot', seconds: 900 },
  { event: 'Redeploy', seconds: 600 },
])(
  'the metadata service tells of a $event from its announcement until it is over, beside a Preempt notice',
  async ({ event, seconds }) => {
    runs('id-1')
    await answering()
    const at = `${guests.metadata}/machines/vm-1/metadata/scheduledevents?api-version=2020-07-01`
    const shape = z.object({
      DocumentIncarnation: z.number(),
      Events: z.array(z.looseObject({ EventId: z.string(), EventType: z.string(), NotBefore: z.string() })),
    })
    const events = async () => shape.parse(await (await fetch(at, { headers: { Metadata: 'true' } })).json())
    const started = Date.now()
    expect((await act('vm-1/announce', { event })).status).toBe(200)
    const { DocumentIncarnation, Events } = await events()
    expect([DocumentIncarnation, Events.length]).toEqual([2, 1])
    expect(Events[0]).toMatchObject({ EventType: event, EventStatus: 'Scheduled', Resources: ['vm-1'] })
    // At the simulator's speed, and told to the second.
    const ahead = Date.parse(Events[0]?.NotBefore ?? '') - started
    expect(ahead).toBeGreaterThan((seconds * 1000) / 200 - 1000)

    azure.tell(preempted)
    await expect.poll(async () => (await events()).Events.map(({ EventType }) => EventType)).toEqual([event, 'Preempt'])

    const approves = (EventId: string) =>
      fetch(at, {
        method: 'POST',
        headers: { Metadata: 'true' },
        body: JSON.stringify({ StartRequests: [{ EventId }] }),
      })
    expect((await approves('another')).status).toBe(400)
    expect((await approves(Events[0]?.EventId ?? '')).status).toBe(200)
    expect((await events()).Events).toMatchObject([
      { EventStatus: 'Started', NotBefore: '' },
      { EventStatus: 'Scheduled' },
    ])
    await act('vm-1/withdraw', { event })
    expect(await events()).toMatchObject({ DocumentIncarnation: 5, Events: [{ EventType: 'Preempt' }] })

    const unknown = await act('vm-1/announce', { event: 'Terminate' })
    expect(unknown.status).toBe(400)
    expect(await unknown.json()).toEqual({ error: expect.stringContaining('"Freeze"|"Reboot"|"Redeploy"') })
  },
)

test('a machine whose address is not on this computer says so', async () => {
  runs('id-1', { publicIP: '203.0.113.7' })
  await expect
    .poll(async () => (await machines()).machines)
    .toMatchObject([{ state: 'failed', error: expect.stringContaining('203.0.113.7') }])
})
