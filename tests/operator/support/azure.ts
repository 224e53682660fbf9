// The Azure simulator as these tests ask it: what stands there, what was called, and what is to go wrong.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tls from 'node:tls'
import { request } from 'undici'
import { z } from 'zod'
import type { Catalogue } from '../../../crds/catalogue.ts'
import type { AzureSettings } from '../../../operator/azure/clients.ts'
import { federatedToken } from '../../simulators/federated-token.ts'
import { startProgram } from './processes.ts'
import { byTheWall, type Time } from './time.ts'

const readiness = z.object({ listening: z.string(), ca: z.string(), tenant: z.string(), clients: z.array(z.string()) })

const resource = z.object({
  id: z.string(),
  name: z.string(),
  tags: z.record(z.string(), z.string()).optional(),
  zones: z.array(z.string()).optional(),
})
const machine = resource.extend({
  properties: z.object({
    vmId: z.string(),
    priority: z.string().optional(),
    provisioningState: z.string(),
    hardwareProfile: z.object({ vmSize: z.string() }),
    storageProfile: z.object({
      osDisk: z.object({ createOption: z.string(), managedDisk: z.object({ id: z.string() }) }),
    }),
  }),
  simulator: z.object({ powerState: z.string().nullish() }),
})
const disk = resource.extend({
  sku: z.object({ name: z.string() }),
  managedBy: z.string().nullish(),
  properties: z.object({ uniqueId: z.string().nullish() }),
})
const address = resource.extend({ properties: z.object({ ipAddress: z.string().nullish() }) })
const stateShape = z.object({
  virtualMachines: z.array(machine),
  networkInterfaces: z.array(resource.extend({ properties: z.object({ provisioningState: z.string() }) })),
  publicIPAddresses: z.array(address),
  networkSecurityGroups: z.array(resource.extend({ properties: z.unknown() })),
  disks: z.array(disk),
  snapshots: z.array(resource),
})
export type AzureState = z.infer<typeof stateShape>

const call = z.object({
  seq: z.number(),
  time: z.string(),
  method: z.string(),
  kind: z.string(),
  resource: z.string().nullish(),
  path: z.string(),
  status: z.number(),
  code: z.string().nullish(),
})
export type ArmCall = z.infer<typeof call>
const heldShape = z.object({ arrived: z.array(z.object({ kind: z.string(), path: z.string(), status: z.number() })) })
const faultShape = z.object({ id: z.string() })
const logShape = z.object({ entries: z.array(call), next: z.number() })

/** The last so many calls are known. */
const CALLS_KEPT = 100_000

export type AzureWorld = Awaited<ReturnType<typeof startAzure>>

interface AzureOptions {
  catalogue: Catalogue
  folder: string
  speed: number
  /** Stands still while the simulator is asked something. */
  time?: Time
  args?: string[]
}

export async function startAzure(options: AzureOptions) {
  const { catalogue, folder, speed, time = byTheWall, args = [] } = options
  const [first] = Object.values(catalogue.regions)
  const networks = Object.values(catalogue.regions).map(({ subnetId }) => {
    const [, group, network, subnet] =
      /resourceGroups\/([^/]+)\/.*virtualNetworks\/([^/]+)\/subnets\/(.+)$/.exec(subnetId) ?? []
    return `--virtual-network=${group}/${network}/${subnet}=10.1.0.0/16`
  })
  const program = await startProgram('demo/simulators/azure/main.ts', [
    '--port=0',
    `--speed=${speed}`,
    `--subscription=${first?.subscriptionId}`,
    ...Object.entries(catalogue.regions).map(
      ([region, { resourceGroup }]) => `--resource-group=${resourceGroup}=${region}`,
    ),
    ...networks,
    ...Object.values(catalogue.images).map(({ id, osType }) => `--image=${id}=${osType}/Specialized`),
    ...args,
  ])
  const about = readiness.parse(program.ready)
  // What NODE_EXTRA_CA_CERTS does for a program, for this process.
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(about.ca, 'utf8')])

  const federatedTokenFile = join(folder, 'token')
  await writeFile(federatedTokenFile, federatedToken())
  const settings: AzureSettings = {
    tenantId: about.tenant,
    clientId: about.clients[0] ?? '',
    federatedTokenFile,
    authorityHost: about.listening,
    resourceManagerEndpoint: about.listening,
  }

  async function control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    const { statusCode, text } = await time.during(async () => {
      const { statusCode, body: reply } = await request(`${about.listening}/simulator/${path}`, {
        method,
        ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      return { statusCode, text: await reply.text() }
    })
    if (statusCode >= 400) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const log = async (since: number) => logShape.parse(await control('GET', `log?since=${since}`))
  // What is known of the log, without gaps: whoever waits for a call asks often, and reads what is new alone.
  let heard: ArmCall[] = []
  let next = 0
  async function listen(): Promise<void> {
    const { entries, next: after } = await log(next)
    const [first] = entries
    if (first !== undefined && first.seq > next) heard = [] // It was not asked for so long that some is lost.
    heard.push(...entries.filter(({ seq }) => seq >= next)) // Another may have asked at the same time.
    if (heard.length > 2 * CALLS_KEPT) heard = heard.slice(-CALLS_KEPT)
    next = Math.max(next, after)
  }

  return {
    about,
    settings,
    stop: program.stop,
    control,
    /** What Azure holds of the machine with this UID. */
    async of(uid: string): Promise<AzureState> {
      return stateShape.parse(await control('GET', `state?name=${uid}`))
    },
    /** Everything that was asked of ARM since `mark`; throws when it is not known any more. */
    async calls(mark: number): Promise<ArmCall[]> {
      await listen()
      const first = heard[0]?.seq ?? next
      if (first > mark && mark > 0)
        throw new Error(`Of what was asked since ${mark} only what came from ${first} on is known.`)
      return heard.slice(Math.max(0, mark - first))
    },
    /** For `calls`: from here on. */
    mark: async () => (await log(Number.MAX_SAFE_INTEGER)).next,
    /** The names of all that stands there of the machine with this UID; of all machines without one. */
    async standing(uid = ''): Promise<string[]> {
      const state = await this.of(uid)
      return Object.values(state).flatMap((list: { name: string }[]) => list.map(({ name }) => name))
    },
    evict: async (vm: string) => await control('POST', 'evict', { vm, noticeSeconds: 0 }),
    /** Its id. */
    fault: async (match: object, then: object) => faultShape.parse(await control('POST', 'faults', { match, then })).id,
    /** What faults have held back of this resource arrives now. */
    arrive: async (resource: string) => heldShape.parse(await control('POST', 'held', { resource })).arrived,
    /** Takes back the fault of this id, or all. */
    faultless: async (id?: string) => await control('DELETE', id === undefined ? 'faults' : `faults?id=${id}`),
    capacity: async (
      available: number | null,
      where: { size: string; priority: string; refusal?: string; region?: string; zone?: string },
    ) => await control('POST', 'capacity', { region: 'westeurope', available, ...where }),
  }
}
