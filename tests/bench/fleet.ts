// A standing fleet of any size in seconds: one session is really brought to run by the operator, and then copied, its
// two objects in Kubernetes with their status, and its machine in Azure. Nothing of a copy differs from what the
// operator itself would have made, but names, ids and addresses. The objects come into etcd as a backup does, past an
// API server that would check each of them four times.

import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Pool } from 'undici'
import { z } from 'zod'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { forEach, NAMESPACE, pause, progress, session, until, type World } from './world.ts'

const AT_ONCE = 32
/** Looks at what a resource stands on before it is given up. */
const LOOKS = 200
/** etcd takes 128 in a transaction, and 1.5 MB. */
const OBJECTS_AT_ONCE = 100
const EARLIER_MILLISECONDS = 317
const COMPUTE = 'api-version=2025-04-01'
const NETWORK = 'api-version=2025-05-01'

const resource = z.looseObject({ id: z.string(), properties: z.looseObject({}) })
type ArmResource = z.infer<typeof resource>

export interface Template {
  session: GameSession
  machine: GpuVm
}

/** One session, brought to run by the operator that is running. */
export async function bringToRun(world: World): Promise<Template> {
  await world.kube.create(gameSessions, session(0))
  const found = await until('one session is played', async () => {
    const [played] = (await world.kube.list(gameSessions, { namespace: NAMESPACE })).items
    const [machine] = (await world.kube.list(gpuVms, { namespace: NAMESPACE })).items
    const isPlayed = played?.status?.phase === 'Running' && machine?.status?.stream?.answering === true
    return isPlayed && { session: played, machine }
  })
  await pause(3) // Whatever is still to be written about it is written.
  const { namespace = NAMESPACE, name } = found.session.metadata
  const last = await world.kube.get(gameSessions, { namespace, name })
  const machine = await world.kube.get(gpuVms, { namespace, name: found.machine.metadata.name })
  if (last === undefined || machine === undefined) throw new Error('The session that was to be copied is gone.')
  return { session: last, machine }
}

/** Every machine's stream server has come up, the last one's included. */
export async function guestsAnswer(world: World): Promise<void> {
  const machines = (await world.kube.list(gpuVms, { namespace: NAMESPACE })).items
  const looked = machines.filter((_, index) => index % 97 === 0 || index === machines.length - 1)
  await until(`${looked.length} of the machines answer`, async () => {
    const answers = looked.map(async ({ status }) => {
      const answer = await fetch(`http://${status?.publicIP}:47989/serverinfo`).catch(() => undefined)
      await answer?.body?.cancel()
      return answer?.ok
    })
    return (await Promise.all(answers)).every(isThere => isThere === true)
  })
}

/** Where Azure takes its time, so many seconds for a VM, many are made beside one another. */
export async function copyFleet(
  world: World,
  template: Template,
  count: number,
  { atOnce = AT_ONCE, vmSeconds = 0 }: { atOnce?: number; vmSeconds?: number } = {},
): Promise<void> {
  const arm = await armOf(world, atOnce)
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

  const texts = { session: stored(template.session), machine: stored(template.machine) }
  const restoring = restore(world.cluster.etcdUrl)
  await forEach(count, atOnce, async index => {
    const { name, rename } = copyOf(template, index)
    const path = (id: string, version: string) => `${rename(id)}?${version}`
    await arm.put(path(resources.publicIPAddress, NETWORK), rename(models.address))
    await arm.put(path(resources.networkInterface, NETWORK), rename(models.nic))
    const vm = await arm.put(path(resources.virtualMachine, COMPUTE), rename(models.vm))
    const address = await arm.get(path(resources.publicIPAddress, NETWORK))
    const provisionedAt = new Date(Date.now() + (vmSeconds + 1) * 1000).toISOString()
    const own = (text: string) =>
      earlier(rename(text), index * EARLIER_MILLISECONDS)
        .replaceAll(String(template.machine.status?.publicIP), String(address.properties.ipAddress))
        .replaceAll(String(template.machine.status?.vmId), String(vm.properties.vmId))
        // Not before Azure's own time of it: what stopped later without our asking would be somebody's doing.
        .replace(/"provisionedAt":"[^"]+"/g, `"provisionedAt":"${provisionedAt}"`)
    await restoring.put(`gamesessions/${NAMESPACE}/${name.session}`, own(texts.session))
    await restoring.put(`gpuvms/${NAMESPACE}/${name.machine}`, own(texts.machine))
    if ((index + 1) % 2000 === 0) progress(`${index + 1} sessions with their machines stand`)
  })
  await restoring.end()
  await arm.close()
}

/** As the API server keeps it: the version is etcd's own. */
function stored({ metadata, ...object }: GameSession | GpuVm): string {
  const { resourceVersion: _etcds, ...kept } = metadata
  return JSON.stringify({ ...object, metadata: kept })
}

/** All times in it, earlier by so much: sessions do not begin at one instant. */
function earlier(text: string, milliseconds: number): string {
  return text.replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"/g, (time, fraction?: string) => {
    const at = new Date(Date.parse(JSON.parse(time)) - milliseconds).toISOString()
    return JSON.stringify(fraction === undefined ? at.replace(/\.\d{3}Z$/, 'Z') : at)
  })
}

function copyOf({ session: model, machine: template }: Template, index: number) {
  const name = { session: `s-${index + 1_000_000}`, machine: '' }
  name.machine = template.metadata.name.replace(model.metadata.name, name.session)
  const uids = { session: randomUUID(), machine: randomUUID() }
  const rename = (text: string) =>
    text
      .replaceAll(model.metadata.uid ?? '', uids.session)
      .replaceAll(template.metadata.uid ?? '', uids.machine)
      .replaceAll(template.metadata.name, name.machine)
      .replaceAll(`"${model.metadata.name}"`, JSON.stringify(name.session))
      .replaceAll(`"${model.spec.player}"`, JSON.stringify(`player-${index + 1_000_000}`))
  return { name, rename }
}

/** Writes objects into etcd, many in a transaction: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway */
function restore(etcdUrl: string) {
  let waiting: { requestPut: { key: string; value: string } }[] = []
  async function flush(): Promise<void> {
    const success = waiting
    waiting = []
    if (success.length === 0) return
    const reply = await fetch(`${etcdUrl}/v3/kv/txn`, { method: 'POST', body: JSON.stringify({ success }) })
    const text = await reply.text()
    if (!reply.ok) throw new Error(`etcd: ${reply.status} ${text}`)
  }
  return {
    async put(key: string, value: string): Promise<void> {
      waiting.push({ requestPut: { key: base64(`/registry/wasd.cloud/${key}`), value: base64(value) } })
      if (waiting.length >= OBJECTS_AT_ONCE) await flush()
    },
    end: flush,
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
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
async function armOf({ azure }: World, connections: number) {
  const { settings, about } = azure
  const pool = new Pool(about.listening, { connections })
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
      for (let left = LOOKS; ; left--) {
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
