// The stage of these tests: a real API server, Azure and its machines' insides simulated at the wire, time run faster.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Catalogue, parseCatalogue } from '../../../crds/catalogue.ts'
import { type GameSession, type GameSessionSpec, gameSessions } from '../../../crds/types/gamesession.ts'
import { type GpuVm, type GpuVmSpec, gpuVms } from '../../../crds/types/gpuvm.ts'
import { startCluster } from '../../../demo/cluster/cluster.ts'
import { findTools } from '../../../demo/cluster/tools.ts'
import type { KubeClient } from '../../../lib/kube/client.ts'
import { condition } from '../../../lib/kube/conditions.ts'
import { events } from '../../../lib/kube/core.ts'
import { isKubeError } from '../../../lib/kube/errors.ts'
import type { KubernetesObject, Resource } from '../../../lib/kube/resource.ts'
import { patientFor } from '../../until.ts'
import { type AzureWorld, startAzure } from './azure.ts'
import { startGuests } from './guests.ts'
import { connectAdmin } from './kube.ts'
import { type News, newsOf } from './news.ts'
import { type Operator, type OperatorOptions, startOperator } from './operator.ts'
import { byHand, byTheWall, type Time } from './time.ts'

const run = promisify(execFile)
/** Azure's and the operator's time; a machine's creation takes half a second. */
export const SPEED = 100
const PATIENCE_SECONDS = 20
const LOOK_MILLISECONDS = 80
export const SIZE = 'Standard_NV12ads_A10_v5'
/** The standard tier's other size. */
export const OTHER_SIZE = 'Standard_NC8as_T4_v3'
/** Nearly the five minutes after which what stalled is asked again, in the operator's time: a slow test looks later, and asks the same. */
export const STALLED_MILLISECONDS = 290_000 / SPEED
/** Where sessions are played, but where a test says otherwise. */
export const REGION = 'westeurope'

const repository = resolve(import.meta.dirname, '../../..')

export type World = Awaited<ReturnType<typeof startWorld>>

interface WorldOptions {
  azureArguments?: string[]
  guestArguments?: string[]
  controllerManager?: boolean
  /** A state that does not come in this time is told as what never came. */
  patienceSeconds?: number
  /** More regions, each like one of the sample catalogue's: a scene that makes Azure short of something has one to itself. */
  regionsLike?: Record<string, readonly string[]>
  /** Time goes on when nothing is left to be done in it; by the wall it runs a hundred times as fast as in earnest. */
  isTimeByHand?: boolean
}

export async function startWorld(options: WorldOptions = {}) {
  const { patienceSeconds = PATIENCE_SECONDS } = options
  const folder = await mkdtemp(join(tmpdir(), 'operator-test-'))
  const sample = parseCatalogue(await readFile(join(repository, 'manifests/catalogue.yaml'), 'utf8'))
  const catalogue = withRegions(sample, options.regionsLike ?? {})
  const { isTimeByHand = false } = options
  const hand = isTimeByHand ? byHand(SPEED) : undefined
  const time = hand ?? byTheWall
  const manual = isTimeByHand ? ['--clock=manual'] : []
  const [cluster, azure] = await Promise.all([
    startCluster({ folder: join(folder, 'cluster'), controllerManager: options.controllerManager ?? false }),
    startAzure({ catalogue, folder, speed: SPEED, time, args: [...manual, ...(options.azureArguments ?? [])] }),
  ])
  const guests = await startGuests({
    azure: azure.about,
    speed: SPEED,
    time,
    args: [...manual, ...(options.guestArguments ?? [])],
  })
  const { kubectl: kubectlPath } = await findTools()
  const kubectl = async (...args: string[]) => {
    const { stdout } = await run(kubectlPath, [
      '--kubeconfig',
      cluster.kubeconfig,
      '--cache-dir',
      join(folder, 'cache'),
      ...args,
    ])
    return stdout
  }
  const crds = ['gpuvms', 'gamesessions'].map(plural => join(repository, `crds/wasd.cloud_${plural}.yaml`))
  await kubectl('apply', '--server-side', ...crds.map(file => `--filename=${file}`))
  const { kube, isAheadOf } = await connectAdmin(cluster, time)

  // What kubectl waits for may not even be there when it begins: the server is asked until it knows the kinds.
  while ((await kube.list(gpuVms).catch(notYet)) === undefined) await delay(20)
  while ((await kube.list(gameSessions).catch(notYet)) === undefined) await delay(20)

  const [machineNews, sessionNews] = await Promise.all([newsOf(kube, gpuVms), newsOf(kube, gameSessions)])
  const scenes: Scene[] = []
  await hand?.begin({
    ...{ azure: azure.about.listening, guests: guests.listening },
    isBehind: () => isAheadOf({ machines: machineNews, sessions: sessionNews }),
  })

  return {
    azure,
    guests,
    kube,
    /** By which all but the API server goes. */
    clock: time.clock,
    during: time.during,
    kubeconfig: cluster.kubeconfig,
    /** Requests as cluster-admin. */
    api: cluster.api,
    kubectl,
    catalogue,
    /** Its operators end with the test, whatever came of it, or with `end`; at the latest with the world. */
    scene: async (namespace: string, onTestFinished: (end: () => Promise<void>) => void = () => undefined) => {
      const operators = new Set<Operator>()
      await cluster.createNamespace(namespace)
      const scene = sceneIn(namespace, {
        ...{ kube, machineNews, sessionNews, azure, catalogue, operators, patienceSeconds, time },
      })
      scenes.push(scene)
      onTestFinished(scene.end)
      return scene
    },
    async stop() {
      await Promise.all(scenes.map(async scene => await scene.end()))
      const timeStands = hand?.stop()
      await timeStands?.catch(() => undefined) // Told when the rest has stopped too.
      await Promise.all([machineNews.stop(), sessionNews.stop()])
      await kube.close()
      await guests.stop()
      await azure.stop()
      await cluster.stop()
      await rm(folder, { recursive: true, force: true })
      await timeStands
    },
  }
}

function withRegions(sample: Catalogue, regionsLike: Record<string, readonly string[]>): Catalogue {
  const regions = { ...sample.regions }
  for (const [model, more] of Object.entries(regionsLike)) {
    const about = sample.regions[model]
    if (about === undefined) throw new Error(`The sample catalogue has no region ${model}.`)
    const { resourceGroup, subnetId } = about
    for (const region of more) {
      const named = (text: string) => text.replaceAll(model, region)
      regions[region] = { ...about, resourceGroup: named(resourceGroup), subnetId: named(subnetId) }
    }
  }
  return { ...sample, regions }
}

function notYet(error: unknown): undefined {
  // The second while the kind's storage comes up, the third until the API server has heard what the account may.
  if (!isKubeError(error, 'UnknownKind', 'TooManyRequests', 'Forbidden')) throw error
}

interface Backdrop {
  kube: KubeClient
  machineNews: News<GpuVm>
  sessionNews: News<GameSession>
  azure: AzureWorld
  catalogue: Catalogue
  operators: Set<Operator>
  patienceSeconds: number
  time: Time
}

export type Scene = ReturnType<typeof sceneIn>

/** A namespace of its own, and an operator that sees nothing else. */
function sceneIn(namespace: string, backdrop: Backdrop) {
  const { kube, machineNews, sessionNews, azure, catalogue, operators, patienceSeconds, time } = backdrop
  const { clock } = time
  const until = patientFor(patienceSeconds, { lookMilliseconds: LOOK_MILLISECONDS, account, clock })

  /** What a person needs when a test fails. */
  async function account(): Promise<string> {
    const items = [
      ...(await kube.list(gameSessions, { namespace }).catch(() => ({ items: [] }))).items,
      ...(await kube.list(gpuVms, { namespace })).items,
    ]
    const calls = (await azure.calls(0)).filter(({ path }) => !path.includes('statusOnly')).slice(-30)
    return [
      ...items.map(({ metadata, status }) => JSON.stringify({ name: metadata.name, status }, null, 1)),
      ...calls.map(({ method, path, status, code }) => `${method} ${path.split('/').at(-1)} ${status} ${code ?? ''}`),
    ].join('\n')
  }

  const get = async (name: string): Promise<GpuVm | undefined> => await kube.get(gpuVms, { namespace, name })
  const sessionNow = async (name: string) => await kube.get(gameSessions, { namespace, name })

  /** The object, if it is so by the server's own word; which is not asked before it is so by what was told of it. */
  async function when<T>(is: (object: T) => boolean, last: T | undefined, now: () => Promise<T | undefined>) {
    if (last === undefined || !is(last)) return undefined
    const object = await now()
    return object !== undefined && is(object) ? object : undefined
  }
  const machineWhen = (name: string, is: (machine: GpuVm) => boolean) =>
    when(is, machineNews.last({ namespace, name }), () => get(name))
  const sessionWhen = (name: string, is: (session: GameSession) => boolean) =>
    when(is, sessionNews.last({ namespace, name }), () => sessionNow(name))
  const isGone = async (name: string) =>
    machineNews.last({ namespace, name }) === undefined && (await get(name)) === undefined
  const patch = async (name: string, change: object) => await kube.mergePatch(gpuVms, { namespace, name }, change)

  return {
    namespace,
    until,
    get,
    async end(): Promise<void> {
      for (const operator of operators) await operator.stop()
      operators.clear()
    },
    operate(more: Partial<OperatorOptions> = {}): Operator {
      const operator = startOperator({ kube, azure: azure.settings, catalogue, namespace, time, speed: SPEED, ...more })
      operators.add(operator)
      return operator
    },
    /** A GpuVm as somebody would write it by hand; its UID. */
    async apply(name: string, spec: Partial<GpuVmSpec> = {}, metadata: object = {}): Promise<string> {
      const wanted = {
        apiVersion: 'wasd.cloud/v1alpha1',
        kind: 'GpuVm',
        metadata: { ...metadata, namespace, name },
        spec: { region: REGION, size: SIZE, image: 'linux-nvidia', ...spec },
      }
      const { metadata: made } = await kube.apply(gpuVms, wanted, { fieldManager: 'test', force: true })
      return made.uid ?? ''
    },
    /** Somebody edits the status, as `kubectl edit --subresource=status` does. */
    edit: async (resource: Resource<KubernetesObject & { status?: object }>, name: string, status: object) =>
      await kube.mergePatch(resource, { namespace, name }, { status }, { subresource: 'status' }),
    change: async (name: string, spec: Partial<GpuVmSpec>) => await patch(name, { spec }),
    annotate: async (name: string, annotations: Record<string, string | null>) =>
      await patch(name, { metadata: { annotations } }),
    /** The machine, once it is so. */
    async machine(name: string, what: string, is: (machine: GpuVm) => boolean): Promise<GpuVm> {
      const news = async () => await machineNews.of({ namespace, name })
      return await until(`${name} ${what}`, async () => await machineWhen(name, is), news)
    },
    /** A GameSession as somebody would write it by hand; its machine's name is its own and the region's. */
    async play(name: string, spec: Partial<GameSessionSpec> = {}, metadata: object = {}): Promise<GameSession> {
      const wanted = {
        apiVersion: 'wasd.cloud/v1alpha1',
        kind: 'GameSession',
        metadata: { ...metadata, namespace, name },
        spec: { player: namespace, game: 'neon-rally', tier: 'standard', regions: [REGION], ...spec },
      }
      return await kube.apply(gameSessions, wanted, { fieldManager: 'kubectl', force: true })
    },
    /** Deletes the session. */
    drop: async (name: string) => await kube.delete(gameSessions, { namespace, name }),
    want: async (name: string, change: object) => await kube.mergePatch(gameSessions, { namespace, name }, change),
    /** The session as it is. */
    sessionNow,
    machineWhen,
    sessionWhen,
    isGone,
    /** As it was told last. */
    lastOfSession: (name: string) => sessionNews.last({ namespace, name }),
    /** That there are by what was told last: one that is made may be missing for a moment, one that is gone still there. */
    lastOfMachines: () => machineNews.lastIn(namespace),
    /** The session, once it is so. */
    async session(name: string, what: string, is: (session: GameSession) => boolean): Promise<GameSession> {
      const news = async () => await sessionNews.of({ namespace, name })
      return await until(`${name} ${what}`, async () => await sessionWhen(name, is), news)
    },
    delete: async (name: string) => await kube.delete(gpuVms, { namespace, name }),
    gone: async (name: string) =>
      await until(
        `${name} is gone`,
        async () => await isGone(name),
        async () => await machineNews.of({ namespace, name }),
      ),
    /** Takes the object out of the cluster under the operator's hands, as a lost etcd would. */
    async lose(name: string): Promise<void> {
      await patch(name, { metadata: { finalizers: [] } })
      await kube.delete(gpuVms, { namespace, name })
    },
    eventsOf: async (name: string): Promise<string[]> => {
      const { items } = await kube.list(events, { namespace })
      return items.filter(({ regarding }) => regarding?.name === name).map(({ reason }) => reason)
    },
  }
}

export const isPlayable = ({ status }: GpuVm) => condition(status?.conditions, 'Playable')?.status === 'True'
export const isReady = ({ metadata, status }: GpuVm) =>
  status?.observedGeneration === metadata.generation && condition(status?.conditions, 'Ready')?.status === 'True'
/** As its spec asks, as last seen by the operator. */
export const isSettled = ({ metadata, status }: GameSession) =>
  status?.observedGeneration === metadata.generation && condition(status?.conditions, 'Ready')?.status === 'True'
export const readyReason = ({ status }: GpuVm) => condition(status?.conditions, 'Ready')?.reason
export const isRefused = (machine: GpuVm) =>
  readyReason(machine) === 'CapacityRefused' && condition(machine.status?.conditions, 'Ready')?.status === 'False'
