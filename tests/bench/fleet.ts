// A standing fleet of any size in seconds: one session is really brought to run by the operator, and then copied, its
// two objects in Kubernetes with their status, and its machine in Azure. Nothing of a copy differs from what the
// operator itself would have made, but names, ids and addresses.

import { readFile } from 'node:fs/promises'
import { Pool } from 'undici'
import { z } from 'zod'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { forEach, NAMESPACE, pause, progress, session, type World } from './world.ts'

const AT_ONCE = 32
const COMPUTE = 'api-version=2025-04-01'
const NETWORK = 'api-version=2025-05-01'

const resource = z.looseObject({ id: z.string(), properties: z.looseObject({}) })
type ArmResource = z.infer<typeof resource>

export interface Template {
  session: GameSession
  machine: GpuVm
}

export async function copyFleet(world: World, template: Template, count: number): Promise<void> {
  const arm = await armOf(world)
  const { resources } = z
    .object({
      resources: z.object({ virtualMachine: z.string(), networkInterface: z.string(), publicIPAddress: z.string() }),
    })
    .parse(template.machine.status)
  const models = {
    address: settable(await arm.get(`${resources.publicIPAddress}?${NETWORK}`)),
    nic: settable(await arm.get(`${resources.networkInterface}?${NETWORK}`)),
    vm: settable(await arm.get(`${resources.virtualMachine}?${COMPUTE}`)),
  }

  await forEach(count, AT_ONCE, async index => {
    const player = `player-${index}`
    const made = await world.kube.create(gameSessions, copyOfSession(template, index))
    const machine = await world.kube.create(gpuVms, copyOfMachine(template, made))

    const { uid: templateUid = '' } = template.machine.metadata
    const { uid = '' } = machine.metadata
    const rename = (text: string) =>
      text
        .replaceAll(templateUid, uid)
        .replaceAll(template.machine.metadata.name, machine.metadata.name)
        .replaceAll(`"${template.session.spec.player}"`, JSON.stringify(player))
    const path = (id: string, version: string) => `${rename(id)}?${version}`
    await arm.put(path(resources.publicIPAddress, NETWORK), rename(models.address))
    await arm.put(path(resources.networkInterface, NETWORK), rename(models.nic))
    const vm = await arm.put(path(resources.virtualMachine, COMPUTE), rename(models.vm))
    const address = await arm.get(path(resources.publicIPAddress, NETWORK))
    const own = (text: string) =>
      rename(text)
        .replaceAll(String(template.machine.status?.publicIP), String(address.properties.ipAddress))
        .replaceAll(String(template.machine.status?.vmId), String(vm.properties.vmId))
    await world.kube.replaceStatus(gpuVms, {
      ...machine,
      status: JSON.parse(own(JSON.stringify(template.machine.status))),
    })
    await world.kube.replaceStatus(gameSessions, {
      ...made,
      status: JSON.parse(own(JSON.stringify(template.session.status))),
    })
    if ((index + 1) % 2000 === 0) progress(`${index + 1} sessions with their machines stand`)
  })
  await arm.close()
}

function copyOfSession({ session: template }: Template, index: number): GameSession {
  const copy = session(index + 1_000_000)
  const { finalizers, labels, annotations } = template.metadata
  return { ...copy, metadata: { ...copy.metadata, ...defined({ finalizers, labels, annotations }) } }
}

function copyOfMachine({ session: model, machine: template }: Template, owner: GameSession): GpuVm {
  const { finalizers, labels, annotations, ownerReferences } = template.metadata
  const text = JSON.stringify({
    spec: template.spec,
    metadata: { ...defined({ labels, annotations }), ownerReferences },
  })
  const copy = text
    .replaceAll(model.metadata.uid ?? '', owner.metadata.uid ?? '')
    .replaceAll(`"${model.metadata.name}"`, JSON.stringify(owner.metadata.name))
    .replaceAll(`"${model.spec.player}"`, JSON.stringify(owner.spec.player))
  const { spec, metadata }: Pick<GpuVm, 'spec' | 'metadata'> = JSON.parse(copy)
  const name = template.metadata.name.replace(model.metadata.name, owner.metadata.name)
  const { apiVersion, kind } = template
  return { apiVersion, kind, spec, metadata: { ...metadata, namespace: NAMESPACE, name, ...defined({ finalizers }) } }
}

function defined<Given extends object>(given: Given): Partial<Given> {
  const partial: Partial<Given> = {}
  for (const [key, value] of Object.entries(given)) if (value !== undefined) Object.assign(partial, { [key]: value })
  return partial
}

/** The body of a PUT that makes another like it. */
function settable(found: ArmResource): string {
  const own = new Set(['vmId', 'provisioningState', 'timeCreated', 'instanceView', 'resourceGuid', 'ipAddress', 'etag'])
  own.add('macAddress').add('privateIPAddress').add('virtualMachine').add('ipConfiguration')
  return JSON.stringify(found, (key, value: unknown) => {
    if (own.has(key)) return undefined
    if (key === 'managedDisk' && typeof value === 'object' && value !== null) return { ...value, id: undefined }
    return value
  })
}

/** Azure's management API with a token of the operator's. */
async function armOf({ azure }: World) {
  const { settings, about } = azure
  const pool = new Pool(about.listening, { connections: AT_ONCE })
  const answer = async (
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    body: string | null,
    headers: Record<string, string>,
  ) => {
    const { statusCode, body: reply } = await pool.request({ method, path, body, headers })
    const text = await reply.text()
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    const parsed: unknown = JSON.parse(text)
    return parsed
  }
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: settings.clientId,
    scope: 'https://management.azure.com/.default',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await readFile(settings.federatedTokenFile, 'utf8'),
  })
  const given = await answer('POST', `/${settings.tenantId}/oauth2/v2.0/token`, String(form), {
    'content-type': 'application/x-www-form-urlencoded',
  })
  const { access_token: token } = z.looseObject({ access_token: z.string() }).parse(given)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return {
    get: async (path: string) => resource.parse(await answer('GET', path, null, headers)),
    /** Once more while what it stands on is not quite there. */
    async put(path: string, body: string): Promise<ArmResource> {
      for (let left = 20; ; left--) {
        try {
          return resource.parse(await answer('PUT', path, body, headers))
        } catch (error) {
          if (left === 0 || !String(error).includes('ReferencedResourceNotProvisioned')) throw error
        }
        await pause(0.05)
      }
    },
    close: () => pool.close(),
  }
}
