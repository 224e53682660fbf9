// The guest and the Azure simulator together: what ARM says runs, answers on the address that ARM gives, and an
// eviction takes it away and keeps its identity.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ComputeManagementClient, type OSDisk, type VirtualMachine } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { WorkloadIdentityCredential } from '@azure/identity'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'

const programOf = (name: string) => fileURLToPath(new URL(`../../demo/simulators/${name}/main.ts`, import.meta.url))
const azureReady = z.object({
  listening: z.string(),
  ca: z.string(),
  subscription: z.string(),
  tenant: z.string(),
  clients: z.array(z.string()).min(1),
})
const guestReady = z.object({ listening: z.string(), metadata: z.string() })

const children: ChildProcess[] = []
async function start<Line extends z.ZodType>(name: string, ready: Line, options: string[]): Promise<z.infer<Line>> {
  const child = spawn(process.execPath, [programOf(name), '--port', '0', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  return ready.parse(JSON.parse(String(line)))
}

const folder = mkdtempSync(join(tmpdir(), 'guest-azure-'))
let azure: z.infer<typeof azureReady>
let guests: z.infer<typeof guestReady>
let compute: ComputeManagementClient
let network: NetworkManagementClient
beforeAll(async () => {
  azure = await start('azure', azureReady, [
    ...['--speed', '400', '--preempt-notice-seconds', '200', '--tls-directory', folder],
    ...['--resource-group', 'play=centralindia', '--virtual-network', 'play/net/vms=10.1.0.0/16'],
  ])
  guests = await start('guest', guestReady, ['--azure', azure.listening, '--azure-ca', azure.ca, '--speed', '400'])

  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = [part({ alg: 'RS256' }), part({ aud: 'api://AzureADTokenExchange' }), 'signature'].join('.')
  const tokenFilePath = join(folder, 'token')
  writeFileSync(tokenFilePath, token)
  const tlsOptions = { ca: readFileSync(azure.ca) }
  const { tenant: tenantId, clients, subscription, listening } = azure
  const authority = { authorityHost: listening, disableInstanceDiscovery: true }
  const clientId = clients[0] ?? ''
  const credential = new WorkloadIdentityCredential({ tenantId, clientId, tokenFilePath, ...authority, tlsOptions })
  const scopes = ['https://management.azure.com/.default']
  const options = { endpoint: listening, credentials: { scopes }, tlsOptions }
  compute = new ComputeManagementClient(credential, subscription, options)
  network = new NetworkManagementClient(credential, subscription, options)
})
afterAll(async () => {
  for (const child of children.toReversed()) {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  rmSync(folder, { recursive: true })
})

const quick = { updateIntervalInMs: 20 }
const machineShape = z.looseObject({
  state: z.string(),
  preemptAt: z.string().nullable(),
  uniqueid: z.string().nullable(),
})
async function machine() {
  const response = await fetch(`${guests.listening}/simulator/machines`)
  return z.object({ machines: z.array(machineShape) }).parse(await response.json()).machines[0]
}
const stateOfMachine = async () => (await machine())?.state ?? 'gone'

async function makeMachine(name: string, more: Partial<VirtualMachine>): Promise<void> {
  const nic = await network.networkInterfaces.get('play', 'nic')
  const networkProfile = {
    networkInterfaces: [{ ...(nic.id !== undefined && { id: nic.id }), deleteOption: 'Detach' }],
  }
  const hardwareProfile = { vmSize: 'Standard_NV6ads_A10_v5' }
  const vm = { location: 'centralindia', hardwareProfile, networkProfile, ...more }
  await compute.virtualMachines.createOrUpdate('play', name, vm, quick)
}

test('what ARM runs answers; an eviction is noticed inside, stops it at once, and the disk keeps its identity', async () => {
  const location = 'centralindia'
  const sku = { name: 'Standard' }
  const ip = await network.publicIPAddresses.createOrUpdate(
    'play',
    'ip',
    { location, sku, publicIPAllocationMethod: 'Static' },
    quick,
  )
  const group = `/subscriptions/${azure.subscription}/resourceGroups/play/providers`
  const subnet = { id: `${group}/Microsoft.Network/virtualNetworks/net/subnets/vms` }
  const publicIPAddress = { ...(ip.id !== undefined && { id: ip.id }) }
  const ipConfigurations = [{ name: 'main', subnet, publicIPAddress }]
  await network.networkInterfaces.createOrUpdate('play', 'nic', { location, ipConfigurations }, quick)

  await makeMachine('vm-1', {
    priority: 'Spot',
    evictionPolicy: 'Deallocate',
    storageProfile: {
      imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
      osDisk: { name: 'os', createOption: 'FromImage', deleteOption: 'Detach' },
    },
    osProfile: { computerName: 'vm-1', adminUsername: 'gamer', adminPassword: 'Simulated-Only-1' },
  })
  await expect.poll(stateOfMachine).toBe('answering')
  const first = (await machine())?.uniqueid
  const answer = await (await fetch(`http://${ip.ipAddress}:47989/serverinfo`)).text()
  expect(answer).toContain(`<hostname>vm-1</hostname>`)
  expect(answer).toContain(`<uniqueid>${first}</uniqueid>`)

  const ca = readFileSync(azure.ca)
  const { Agent, fetch: fetchWith } = await import('undici')
  const dispatcher = new Agent({ connect: { ca } })
  await fetchWith(`${azure.listening}/simulator/evict`, {
    method: 'POST',
    dispatcher,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ vm: 'vm-1' }),
  })
  await expect.poll(async () => (await machine())?.preemptAt, { interval: 10 }).toMatch(/^20/)
  await expect.poll(stateOfMachine).toBe('gone')
  await expect(fetch(`http://${ip.ipAddress}:47989/serverinfo`)).rejects.toThrow()
  await dispatcher.close()

  await compute.virtualMachines.delete('play', 'vm-1', quick)
  const managedDisk = { id: `${group}/Microsoft.Compute/disks/os` }
  const osDisk: OSDisk = { osType: 'Linux', createOption: 'Attach', managedDisk, deleteOption: 'Detach' }
  await makeMachine('vm-2', { priority: 'Regular', storageProfile: { osDisk } })
  await expect.poll(stateOfMachine).toBe('answering')
  expect((await machine())?.uniqueid).toBe(first)
})
