// The operator's world for a benchmark: the real API server, Azure and the insides of its machines simulated at the
// wire, and the real operator as a process, as often as it is started. Azure has no delay and no limit, or both, as it
// has in earnest, at a speed.
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseCatalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { startAzure } from '../operator/support/azure.ts'
import { startProgram } from '../operator/support/processes.ts'
import { patientFor } from '../until.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { type Measured, startMeasured } from './programs.ts'

const CATALOGUE = resolve(import.meta.dirname, '../../manifests/catalogue.yaml')
/** What Azure takes its time for, and here does at once. */
const DELAYS = [
  'vmCreate',
  'vmStart',
  'vmDeallocate',
  'vmUpdate',
  'vmDelete',
  'evict',
  'publicIP',
  'nic',
  'network',
  'networkDelete',
  'disk',
]
/** Of what is left of time: notices, and the machines' boots. */
const SPEED = 10_000
/** Seconds that Azure and the machines take in earnest here, always: what is above them is the operator's. */
export const TAKES = {
  publicIP: 3,
  nic: 3,
  vmCreate: 50,
  evict: 20,
  vmDelete: 40,
  boot: 25,
} as const
/** Of this run alone: another's machines would answer for ours. */
const ADDRESSES = `127.${64 + (process.pid % 60)}.0.0/16`
const LOOK_MILLISECONDS = 50
const PATIENCE_SECONDS = 400
/** As in a pod of the chart: what V8 takes for its heap where 512 Mi is the limit, and the chart's own flags. */
const HEAP = '--max-old-space-size=256 --max-semi-space-size=16 --use-largepages=silent'

export const NAMESPACE = 'bench'
export const REGION = 'centralindia'
export const OPERATOR = 'wasd-operator/'

export interface OperatorProcess extends Measured {
  /** From its start until it was ready, in seconds. */
  readySeconds: number
  /** A metric's value by the line before it; 0 while there is none. */
  metric(line: string): Promise<number>
}

export type World = Awaited<ReturnType<typeof startWorld>>

/** `earnest`: how many times as fast as in life Azure's delays and limits are to run. */
export async function startWorld(folder: string, { earnest }: { earnest?: number } = {}) {
  const catalogue = parseCatalogue(await readFile(CATALOGUE, 'utf8'))
  const cluster: BenchCluster = await startBenchCluster(join(folder, 'cluster'))
  await cluster.namespace(NAMESPACE)
  const addresses = ['PublicIPAddresses', 'StandardSkuPublicIpAddresses', 'StaticPublicIPAddresses']
  const families = new Set(Object.values(catalogue.sizes).map(({ family }) => family))
  const quotas = ['cores', 'lowPriorityCores', 'virtualMachines', 'NetworkInterfaces', ...addresses, ...families]
  const args = [`--public-ip-range=${ADDRESSES}`, '--jitter=0']
  if (earnest === undefined) for (const kind of DELAYS) args.push(`--delay=${kind}=0`)
  args.push(`--throttling=${earnest === undefined ? 'off' : 'on'}`)
  const { boot, ...delays } = TAKES
  if (earnest !== undefined)
    for (const [kind, seconds] of Object.entries(delays)) args.push(`--delay=${kind}=${seconds}`)
  const speed = earnest ?? SPEED
  for (const name of quotas) args.push(`--quota=*/${name}=10000000`)
  const azure = await startAzure({ catalogue, folder, speed, args })
  const guests = await startProgram('demo/simulators/guest/main.ts', [
    '--port=0',
    `--azure=${azure.about.listening}`,
    `--azure-ca=${azure.about.ca}`,
    `--speed=${speed}`,
    `--boot-seconds=${boot}`,
    '--jitter=0',
  ])

  return {
    cluster,
    kube: cluster.kube,
    azure,
    catalogue,
    async startOperator(settings: Record<string, string> = {}): Promise<OperatorProcess> {
      const [http, metrics] = [await freePort(), await freePort()]
      const began = performance.now()
      const environment = {
        KUBECONFIG: cluster.kubeconfig,
        NODE_EXTRA_CA_CERTS: azure.about.ca,
        NODE_OPTIONS: HEAP,
        // On a machine that all share, the API server itself may be slow to answer: that is not what is measured.
        LEASE_SECONDS: '120',
        LEASE_RENEW_SECONDS: '90',
        LOG_LEVEL: process.env.BENCH_LOG ?? 'error',
        POD_NAME: 'bench-operator',
        POD_NAMESPACE: NAMESPACE,
        CATALOGUE_FILE: CATALOGUE,
        METRICS_PORT: String(metrics),
        OPERATOR_PORT: String(http),
        INSTALLATION_ID: 'bench',
        AZURE_TENANT_ID: azure.settings.tenantId,
        AZURE_CLIENT_ID: azure.settings.clientId,
        AZURE_FEDERATED_TOKEN_FILE: azure.settings.federatedTokenFile,
        AZURE_AUTHORITY_HOST: azure.settings.authorityHost,
        AZURE_RESOURCE_MANAGER_ENDPOINT: azure.settings.resourceManagerEndpoint,
        AZURE_RETAIL_PRICES_ENDPOINT: `${azure.about.listening}`,
        ...settings,
      }
      const program = startMeasured('operator/main.ts', environment)
      await until('the operator is ready', async () => {
        return (await fetch(`http://127.0.0.1:${http}/readyz`).catch(() => undefined))?.ok
      })
      const readySeconds = (performance.now() - began) / 1000
      const metric = async (line: string) => {
        const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
        const found = text.split('\n').find(each => each.startsWith(`${line} `))
        return found === undefined ? 0 : Number(found.slice(line.length))
      }
      await until('the operator leads', async () => {
        return (await metric('leader_election_master_status{name="wasd-operator"}')) === 1
      })
      return { ...program, readySeconds, metric }
    },
    async stop() {
      await guests.stop()
      await azure.stop()
      await cluster.stop()
    },
  }
}

export function session(index: number, spec: Partial<GameSession['spec']> = {}): GameSession {
  const wanted = { player: `player-${index}`, game: 'star-caravan', tier: 'standard', regions: [REGION], ...spec }
  const metadata = { namespace: NAMESPACE, name: `s-${index}` }
  return gameSessions.parse({ apiVersion: gameSessions.apiVersion, kind: gameSessions.kind, metadata, spec: wanted })
}

/** What the operator has to be told so that all it does on a timer runs so many times as fast. */
export function atSpeed(speed: number): Record<string, string> {
  const usual = {
    OPERATION_POLL_SECONDS: 4,
    FLEET_POLL_SECONDS: 5,
    PROBE_SECONDS: 15,
    SWEEP_SECONDS: 120,
    SWEEP_GRACE_SECONDS: 300,
    QUOTA_SECONDS: 120,
  }
  return Object.fromEntries(Object.entries(usual).map(([name, seconds]) => [name, String(seconds / speed)]))
}

/** For whoever waits: what is being done now. */
export function progress(line: string): void {
  console.error(`  … ${line}`)
}

export async function until<Seen>(
  what: string,
  look: () => Promise<Seen | undefined | false>,
  { patienceSeconds = PATIENCE_SECONDS } = {},
): Promise<Seen> {
  progress(`until ${what}`)
  return await patientFor(patienceSeconds, { lookMilliseconds: LOOK_MILLISECONDS })(what, look)
}

export function pause(seconds: number): Promise<void> {
  return new Promise(resolveLater => setTimeout(resolveLater, seconds * 1000))
}

/** Does `work` for each number below `count`, so many at once. */
export async function forEach(count: number, atOnce: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
