// Status patches by lib/kube and by the official client, against one API server on this machine: both run all the time, and
// take turns so short that whatever else the machine does meets both. What counts is the ratio of neighbours. The server is as
// it makes itself (its own RSA certificate, such as EKS has too; no audit log), and both come with a token, as pods do.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { connect } from '../../lib/kube/client.ts'
import { namespaces } from '../../lib/kube/core.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'
import { type ApiServer, startApiServer } from '../kube/api-server.ts'
import { startProxy } from '../kube/proxy.ts'
import { type Figure, median, type Part } from './figures.ts'
import { type Measured, startMeasured } from './programs.ts'

const CONCURRENCIES = [1, 16, 64]
const TURN_SECONDS = 1
/** Until both programs are compiled and have their connections. */
const WARM_UP_SECONDS = 3
const ROUNDS = 11
/** How much faster ours is to be, with the server's share of the machine in both. */
const TIMES = 2
/** Calls under way at once, and so connections, of a client of ours: more would only slow the server down. */
const POOL = 16

const definitions = defineResource<KubernetesObject>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
})
const speed = z.object({ perSecond: z.number(), processorMilliseconds: z.number(), requests: z.number() })
type Speed = z.infer<typeof speed>
interface Pair<T> {
  ours: T
  official: T
}

export async function clientSpeed(): Promise<Part> {
  const server = await startApiServer()
  await furnish(server)
  const proxy = await startProxy(server.port)
  const kubeconfig = await server.kubeconfig({ token: server.token })
  const counted = await server.kubeconfig({ token: server.token }, proxy.port)

  const figures: Figure[] = []
  for (const concurrency of CONCURRENCIES) {
    const programs = start(concurrency, kubeconfig)
    await inTurns(programs, WARM_UP_SECONDS)
    const rounds: Pair<Speed>[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await inTurns(programs, TURN_SECONDS))
    await stop(programs)
    figures.push(...compared(concurrency, rounds))

    const seen = start(concurrency, counted) // Once more, by way of who counts them.
    const connections = async (program: Measured) => {
      const before = proxy.connections()
      const { requests } = await turn(program, TURN_SECONDS)
      return { made: proxy.connections() - before, requests }
    }
    const [ours, official] = [await connections(seen.ours), await connections(seen.official)]
    await stop(seen)
    figures.push(...opened(concurrency, { ours, official }))
  }
  await proxy.close()
  await server.stop()
  return { title: 'Status patches by lib/kube and by the official client, the server on the same machine', figures }
}

function start(concurrency: number, kubeconfig: string): Pair<Measured> {
  const environment = { KUBECONFIG: kubeconfig, CONCURRENCY: String(concurrency) }
  return {
    ours: startMeasured('tests/bench/patch-ours.ts', environment),
    official: startMeasured('tests/bench/patch-official.ts', environment),
  }
}

async function stop({ ours, official }: Pair<Measured>): Promise<void> {
  await Promise.all([ours.stop(), official.stop()])
}

async function inTurns({ ours, official }: Pair<Measured>, seconds: number): Promise<Pair<Speed>> {
  return { ours: await turn(ours, seconds), official: await turn(official, seconds) }
}

async function turn(program: Measured, seconds: number): Promise<Speed> {
  program.say(String(seconds))
  return speed.parse(JSON.parse(await program.line()))
}

function compared(concurrency: number, rounds: readonly Pair<Speed>[]): Figure[] {
  const at = `at concurrency ${concurrency}`
  const middle = (figure: (round: Pair<Speed>) => number) => median(rounds.map(figure))
  const ratio = middle(({ ours, official }) => ours.perSecond / official.perSecond)
  return [
    { what: `patches ${at}: ours`, value: middle(({ ours }) => ours.perSecond), unit: '/s' },
    { what: `patches ${at}: official`, value: middle(({ official }) => official.perSecond), unit: '/s' },
    { what: `patches ${at}: ours to official`, value: ratio, unit: 'x', target: { atLeast: TIMES } },
    {
      what: `client's processor per patch ${at}: ours`,
      value: middle(({ ours }) => ours.processorMilliseconds),
      unit: 'ms',
    },
    {
      what: `client's processor per patch ${at}: official`,
      value: middle(({ official }) => official.processorMilliseconds),
      unit: 'ms',
    },
  ]
}

function opened(concurrency: number, { ours, official }: Pair<{ made: number; requests: number }>): Figure[] {
  const at = `at concurrency ${concurrency}`
  const perThousand = ({ made, requests }: { made: number; requests: number }) => (made / requests) * 1000
  return [
    { what: `TLS connections per 1,000 patches ${at}: official`, value: perThousand(official) },
    { what: `TLS connections in all ${at}: ours`, value: ours.made, target: { atMost: POOL } },
  ]
}

/** The kind, and a machine for each that patches. */
async function furnish(server: ApiServer): Promise<void> {
  const client = connect(server.credentials(), { userAgent: 'bench' })
  const file = resolve(import.meta.dirname, '../../crds/wasd.cloud_gpuvms.yaml')
  await client.create(definitions, parse(await readFile(file, 'utf8')))
  const isServed = () =>
    client.list(gpuVms).then(
      () => true,
      (error: unknown) => !isKubeError(error, 'UnknownKind'),
    )
  while (!(await isServed())) await delay(100)
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } })
  for (let index = 0; index < Math.max(...CONCURRENCIES); index++) await client.create(gpuVms, machine(index))
  await client.close()
}

function machine(index: number) {
  const spec = { region: 'centralindia', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia', disks: { os: {} } }
  const metadata = { namespace: 'bench', name: `m-${index}` }
  return gpuVms.parse({ apiVersion: gpuVms.apiVersion, kind: gpuVms.kind, metadata, spec })
}
