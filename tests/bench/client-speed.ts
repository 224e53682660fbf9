// Status patches by lib/kube and by the official client, against one API server on this machine, in turns.
import { z } from 'zod'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { startProxy } from '../kube/proxy.ts'
import { startBenchCluster } from './cluster.ts'
import type { Figure, Part } from './figures.ts'
import { startMeasured } from './programs.ts'

const CONCURRENCIES = [1, 16, 64]
const ROUNDS = 3
/** How much faster ours is to be, with the server's share of the machine in both. */
const TIMES = 2
/** Connections that a client of ours may hold. */
const POOL = 64

const speed = z.object({ perSecond: z.number(), processorMilliseconds: z.number(), requests: z.number() })
interface Run extends z.infer<typeof speed> {
  connections: number
}
const programs = { ours: 'tests/bench/patch-ours.ts', official: 'tests/bench/patch-official.ts' } as const
type Client = keyof typeof programs

export async function clientSpeed(folder: string): Promise<Part> {
  const cluster = await startBenchCluster(folder)
  await cluster.namespace('bench')
  for (let index = 0; index < Math.max(...CONCURRENCIES); index++) await cluster.kube.create(gpuVms, machine(index))
  const proxy = await startProxy(cluster.port)
  const counted = await cluster.kubeconfigBy(proxy.port)

  const run = async (client: Client, concurrency: number, kubeconfig: string): Promise<Run> => {
    const before = proxy.connections()
    const program = startMeasured(programs[client], { KUBECONFIG: kubeconfig, CONCURRENCY: String(concurrency) })
    const said = speed.parse(JSON.parse(await program.line()))
    await program.stop()
    return { ...said, connections: proxy.connections() - before }
  }
  const figures: Figure[] = []
  for (const concurrency of CONCURRENCIES) {
    const found: Record<Client, Run[]> = { ours: [], official: [] }
    for (let round = 0; round < ROUNDS; round++) {
      found.ours.push(await run('ours', concurrency, cluster.kubeconfig))
      found.official.push(await run('official', concurrency, cluster.kubeconfig))
    }
    const connections = {
      ours: await run('ours', concurrency, counted), // Once more, by way of who counts them.
      official: await run('official', concurrency, counted),
    }
    figures.push(...compared(concurrency, found, connections))
  }
  await proxy.close()
  await cluster.stop()
  return { title: 'Status patches by lib/kube and by the official client, the server on the same machine', figures }
}

function compared(
  concurrency: number,
  { ours, official }: Record<Client, Run[]>,
  counted: Record<Client, Run>,
): Figure[] {
  const at = `at concurrency ${concurrency}`
  const [fast, slow] = [median(ours, run => run.perSecond), median(official, run => run.perSecond)]
  const connections = ({ connections, requests }: Run) => (connections / requests) * 1000
  const processor = (runs: Run[]) => median(runs, run => run.processorMilliseconds)
  return [
    { what: `patches ${at}: ours`, value: fast, unit: '/s' },
    { what: `patches ${at}: official`, value: slow, unit: '/s' },
    { what: `patches ${at}: ours to official`, value: fast / slow, unit: 'x', target: { atLeast: TIMES } },
    { what: `client's processor per patch ${at}: ours`, value: processor(ours), unit: 'ms' },
    { what: `client's processor per patch ${at}: official`, value: processor(official), unit: 'ms' },
    { what: `TLS connections per 1,000 patches ${at}: official`, value: connections(counted.official) },
    { what: `TLS connections per 1,000 patches ${at}: ours`, value: connections(counted.ours) },
    { what: `TLS connections in all ${at}: ours`, value: counted.ours.connections, target: { atMost: POOL } },
  ]
}

function median(runs: readonly Run[], figure: (run: Run) => number): number {
  return runs.map(figure).toSorted((left, right) => left - right)[runs.length >> 1] ?? Number.NaN
}

function machine(index: number) {
  const spec = { region: 'centralindia', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia', disks: { os: {} } }
  const metadata = { namespace: 'bench', name: `m-${index}` }
  return gpuVms.parse({ apiVersion: gpuVms.apiVersion, kind: gpuVms.kind, metadata, spec })
}
