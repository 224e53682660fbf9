// Starts the Azure simulator as a process and gives the real SDK clients for it, with the words the tests speak in.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ComputeManagementClient, type VirtualMachine } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { ResourceManagementClient } from '@azure/arm-resources'
import { WorkloadIdentityCredential } from '@azure/identity'
import { z } from 'zod'
import { type Certificates, makeCertificates } from '../../demo/simulators/azure/certificates.ts'
import { keepIn } from '../../demo/simulators/azure/tls.ts'
import { startProgram } from '../operator/support/processes.ts'
import { federatedToken } from './federated-token.ts'
import { programOf } from './program.ts'

const ready = z.object({
  listening: z.string(),
  ca: z.string(),
  subscription: z.string(),
  tenant: z.string(),
  clients: z.array(z.string()).min(1),
  publicIPRange: z.string(),
})

export const group = 'play-weu'
export const region = 'westeurope'
export const image = '/subscriptions/images/resourceGroups/images/providers/Microsoft.Compute/galleries/g/images/game'
/** An image that was taken of a machine as it stood: it has its users already. */
export const specialized = image.replace(/game$/, 'played')

export type AzureSimulator = Awaited<ReturnType<typeof startAzure>>

/** Made once for all simulators of this process, which start in half the time with them. */
let certificates: Promise<Certificates> | undefined

export async function startAzure(...args: readonly string[]) {
  certificates ??= makeCertificates('127.0.0.1')
  const directory = mkdtempSync(join(tmpdir(), 'azure-test-'))
  keepIn(directory, await certificates)
  return start(directory, [`--tls-directory=${directory}`, ...args])
}

/** With certificates in a directory that the simulator makes and takes away itself. */
export async function startAzureAlone() {
  return start(mkdtempSync(join(tmpdir(), 'azure-test-')), [])
}

/** `directory`: its own, and gone with it. */
async function start(directory: string, args: readonly string[]) {
  const usual = [
    `--resource-group=${group}=${region}`,
    `--virtual-network=${group}/play/vms=10.1.0.0/16`,
    `--network-security-group=${group}/play`,
    `--image=${image}=Windows`,
    `--image=${specialized}=Windows/Specialized`,
    '--seed=7',
  ]
  const simulator = await startProgram(programOf('azure'), [...usual, ...args])
  const about = ready.parse(simulator.ready)
  const ca = readFileSync(about.ca, 'utf8')
  const tokenFilePath = join(directory, 'token')
  writeFileSync(tokenFilePath, federatedToken())

  const credential = new WorkloadIdentityCredential({
    tenantId: about.tenant,
    clientId: about.clients[0] ?? '',
    tokenFilePath,
    authorityHost: about.listening,
    disableInstanceDiscovery: true,
    tlsOptions: { ca },
  })
  const options = {
    endpoint: about.listening,
    tlsOptions: { ca },
    retryOptions: { maxRetries: 0 },
    credentials: { scopes: ['https://management.azure.com/.default'] },
  }

  /** One HTTPS request as it is, with a bearer token when it goes to ARM. */
  async function ask(method: string, path: string, what: { body?: unknown; headers?: Record<string, string> } = {}) {
    const text = what.body === undefined ? '' : typeof what.body === 'string' ? what.body : JSON.stringify(what.body)
    return await new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: unknown }>(
      (resolve, reject) => {
        const sent = request(`${about.listening}${path}`, { method, ca, headers: what.headers ?? {} }, response => {
          let received = ''
          response.on('data', (chunk: Buffer) => {
            received += chunk.toString()
          })
          response.on('end', () => {
            const body: unknown = received === '' ? undefined : JSON.parse(received)
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
          })
        })
        sent.on('error', reject)
        sent.end(text)
      },
    )
  }

  return {
    about,
    caText: ca,
    credential,
    tokenFilePath,
    compute: new ComputeManagementClient(credential, about.subscription, options),
    network: new NetworkManagementClient(credential, about.subscription, options),
    resources: new ResourceManagementClient(credential, about.subscription, options),
    ask,
    async arm(method: string, path: string, what: { body?: unknown; headers?: Record<string, string> } = {}) {
      const token = await credential.getToken('https://management.azure.com/.default')
      const headers = { authorization: `Bearer ${token.token}`, ...what.headers }
      return ask(method, path.replace('{subscription}', about.subscription), { ...what, headers })
    },
    /** The control API; throws when it refuses. */
    async control(method: string, path: string, body?: unknown) {
      const answer = await ask(method, `/simulator/${path}`, body === undefined ? {} : { body })
      if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
      return answer.body
    },
    complaints: simulator.complaints,
    async stop() {
      const code = await simulator.stop()
      rmSync(directory, { recursive: true })
      return code
    },
  }
}

/** For every operation that is waited for: the SDK's usual two seconds are an hour of Azure's time here. */
export const quick = { updateIntervalInMs: 10 }

/** Puts what a machine stands on: a public address, of these zones if any, and a NIC that holds it. Both bear the machine's name. */
export async function networkFor(
  { network, about }: AzureSimulator,
  name: string,
  zones?: string[],
): Promise<{ nicId: string; host: string }> {
  const base = `/subscriptions/${about.subscription}/resourceGroups/${group}/providers/Microsoft.Network`
  const address = await network.publicIPAddresses.createOrUpdate(
    group,
    name,
    {
      location: region,
      ...(zones && { zones }),
      sku: { name: 'Standard' },
      publicIPAllocationMethod: 'Static',
    },
    quick,
  )
  const nic = await network.networkInterfaces.createOrUpdate(
    group,
    name,
    {
      location: region,
      networkSecurityGroup: { id: `${base}/networkSecurityGroups/play` },
      ipConfigurations: [
        {
          name: 'main',
          subnet: { id: `${base}/virtualNetworks/play/subnets/vms` },
          publicIPAddress: { id: `${base}/publicIPAddresses/${name}` },
        },
      ],
    },
    quick,
  )
  return { nicId: nic.id ?? '', host: address.ipAddress ?? '' }
}

/** A spot machine from the image, whose NIC and disk outlive it. */
export function spotMachine(name: string, nicId: string): VirtualMachine {
  return {
    location: region,
    tags: { player: 'kasparov' },
    priority: 'Spot',
    evictionPolicy: 'Deallocate',
    billingProfile: { maxPrice: -1 },
    hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' },
    storageProfile: {
      imageReference: { id: `${image}/versions/1.0.0` },
      osDisk: {
        name: `${name}-os`,
        createOption: 'FromImage',
        deleteOption: 'Detach',
        managedDisk: { storageAccountType: 'Premium_LRS' },
      },
    },
    osProfile: {
      computerName: 'play',
      adminUsername: 'wasd',
      adminPassword: 'Correct-Horse-7',
      customData: Buffer.from('boot').toString('base64'),
    },
    networkProfile: { networkInterfaces: [{ id: nicId, primary: true, deleteOption: 'Detach' }] },
  }
}

/** The same machine on demand, on the disk that the spot one left. */
export function regularOnDisk(diskId: string, nicId: string): VirtualMachine {
  return {
    location: region,
    priority: 'Regular',
    hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' },
    storageProfile: {
      osDisk: { osType: 'Windows', createOption: 'Attach', deleteOption: 'Detach', managedDisk: { id: diskId } },
    },
    networkProfile: { networkInterfaces: [{ id: nicId, primary: true, deleteOption: 'Detach' }] },
  }
}
