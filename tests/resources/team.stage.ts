// Teams that share a cluster and a subscription: each installs the chart by helm into a namespace of its own, and its
// operator runs as a process with the rights that the chart gives its service account, and no others.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { parse } from 'yaml'
import { z } from 'zod'
import { startCluster } from '../../demo/cluster/cluster.ts'
import { REPOSITORY } from '../../demo/cluster/folders.ts'
import { findTools } from '../../demo/cluster/tools.ts'
import { control } from '../../demo/evening/control.ts'
import { render } from '../../demo/stack/chart.ts'
import { type CommandResult, command, succeed } from '../../demo/stack/commands.ts'
import { QUICK_RESTART } from '../../demo/stack/pod.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { releaseOf } from '../../demo/stack/release.ts'
import { startSimulators } from '../../demo/stack/simulators.ts'
import { merged, simulatorArguments, stackValues } from '../../demo/stack/values.ts'
import { patientFor } from '../until.ts'

const SPEED = 80
const PATIENCE_SECONDS = 40
const LOOK_MILLISECONDS = 40
const CHART = join(REPOSITORY, 'charts', 'wasd-cloud')
/** Both teams choose the same, as teams do. */
const RELEASE = 'wasd'

const secrets = { telegramToken: '1:a', telegramWebhook: 'b', telegramLogin: 'c', tokenKey: 'd', razorpayWebhook: 'e' }
const nowhere = {
  api: 'postgres://nobody@127.0.0.1:9/none',
  apiOwner: 'postgres://nobody@127.0.0.1:9/none',
  operator: '',
}

const calls = z.object({ entries: z.array(z.looseObject({ kind: z.string() })), next: z.number() })
const resource = z.looseObject({ name: z.string(), tags: z.record(z.string(), z.string()).default({}) })
const kinds = ['virtualMachines', 'networkInterfaces', 'publicIPAddresses', 'networkSecurityGroups', 'disks'] as const
const azureState = z.object(Object.fromEntries(kinds.map(kind => [kind, z.array(resource)])))

const answer = z.looseObject({ message: z.string().default('') })

/** A request to the API server. */
export interface Deed {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  body?: object
}

const audited = z.looseObject({
  verb: z.string(),
  user: z.looseObject({ username: z.string() }),
  userAgent: z.string().default(''),
  objectRef: z.looseObject({ resource: z.string(), namespace: z.string().default('') }).optional(),
  responseStatus: z.looseObject({ code: z.number() }).optional(),
})

export type Ground = Awaited<ReturnType<typeof openGround>>
export type Team = ReturnType<Ground['team']>

export async function openGround() {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-teams-'))
  const { helm, kubectl: kubectlFile } = await findTools()
  const catalogue: unknown = parse(readFileSync(join(REPOSITORY, 'manifests', 'catalogue.yaml'), 'utf8'))
  const [cluster, simulators] = await Promise.all([
    startCluster({ folder: join(folder, 'cluster'), controllerManager: false }),
    startSimulators({
      folder: join(folder, 'simulators'),
      arguments: simulatorArguments({ catalogue, secrets, apiUrl: 'http://127.0.0.1:9', speed: SPEED, more: {} }),
    }),
  ])
  const arm = control(simulators.azure.url, simulators.azure.greeting.ca)
  const environment = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: cluster.kubeconfig }
  const kubectl = async (args: string[], input?: object) =>
    await succeed(
      command({ file: kubectlFile, args, input: input && JSON.stringify(input), environment }),
      `kubectl ${args.join(' ')}`,
    )
  const dispatcher = new Agent({ connect: { ca: cluster.ca } })
  const closing: (() => Promise<void>)[] = []

  const until = patientFor(PATIENCE_SECONDS, { lookMilliseconds: LOOK_MILLISECONDS })

  /** A team with the namespace of its programs, and another in which is played. */
  function team(name: string) {
    const play = `${name}-play`
    const user = `system:serviceaccount:${name}:${RELEASE}-operator`
    const home = join(folder, name)
    let values: object = {}
    let operator: Awaited<ReturnType<typeof releaseOf>> | undefined
    const withValues = async (more: object) => {
      const ports = async () => ({ http: await freePort(), metrics: await freePort() })
      const stack = stackValues({
        ...{ id: name, catalogue, simulators, secrets, databases: nowhere, redis: 'redis://127.0.0.1:9' },
        ports: { api: await ports(), operator: await ports() },
        ...{ apiUrl: 'http://127.0.0.1:9', speed: SPEED, leases: 'short', replicas: { operator: 1, api: 0 } },
      })
      const own = {
        watchNamespaces: [name, play],
        api: { sessionNamespace: play },
        operator: { intervals: { sweepSeconds: 0.3, sweepGraceSeconds: 0.6 } },
      }
      values = merged(merged(stack, own), more)
    }
    return {
      name,
      play,
      user,
      installationId: `local-${name}`,
      /** `helm upgrade --install`, and what it says. */
      async install(more: object = {}, flags: string[] = []): Promise<CommandResult> {
        for (const namespace of [name, play]) await cluster.createNamespace(namespace)
        await withValues(more)
        const args = ['upgrade', '--install', RELEASE, CHART, `--namespace=${name}`, '--values=-', ...flags]
        return await command({ file: helm, args, input: JSON.stringify(values), environment })
      },
      uninstall: async () =>
        await succeed(
          command({ file: helm, args: ['uninstall', RELEASE, `--namespace=${name}`], environment }),
          'helm uninstall',
        ),
      /** Its operator, by what helm renders of the values that were installed. */
      async start(): Promise<void> {
        const place = { helm, chart: CHART, release: RELEASE, namespace: name, values, folder: join(home, 'helm') }
        operator ??= await releaseOf(await render(place), {
          namespace: name,
          cluster,
          folder: home,
          restart: QUICK_RESTART,
        })
        closing.push(operator.stop)
        await operator.start()
      },
      async stop(): Promise<void> {
        await operator?.stop()
      },
      /** A session of a team's player, and that it runs. */
      async plays(session: string): Promise<void> {
        const spec = { player: `player-of-${session}`, game: 'neon-rally', tier: 'standard', regions: ['centralindia'] }
        const object = { apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession', metadata: { name: session }, spec }
        await kubectl([`-n=${play}`, 'apply', '-f', '-'], object)
        await kubectl([`-n=${play}`, 'wait', `gs/${session}`, '--for=condition=Playable', '--timeout=40s'])
      },
      /** The session and its machine, out of the cluster alone, as a lost etcd would. */
      async loses(session: string): Promise<void> {
        const lost = [`-n=${play}`, `gs/${session}`, `gvm/${session}-centralindia`]
        await kubectl(['patch', ...lost, '--type=merge', '--patch={"metadata":{"finalizers":null}}'])
        await kubectl(['delete', ...lost, '--ignore-not-found'])
      },
      /** A field of one of its objects. */
      field: async (object: string, path: string) =>
        await kubectl([`-n=${play}`, 'get', object, `-o=jsonpath=${path}`]),
      /** Who asks with the token of its operator or API; nothing is written of what is permitted. */
      async asker(program: 'operator' | 'api') {
        const token = (await kubectl([`-n=${name}`, 'create', 'token', `${RELEASE}-${program}`])).trim()
        return async ({ method, path, body }: Deed) => {
          const reply = await request(`${cluster.server}${path}?dryRun=All`, {
            method,
            dispatcher,
            headers: {
              authorization: `Bearer ${token}`,
              'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
            },
            ...(body && { body: JSON.stringify(body) }),
          })
          const { message } = answer.parse(await reply.body.json())
          return { status: reply.statusCode, message }
        }
      },
      /** Names of what Azure holds under its installation's tag. */
      async inAzure(): Promise<string[]> {
        const all = Object.values(azureState.parse(await arm.get('/simulator/state'))).flat()
        return all.filter(({ tags }) => tags['wasd-installation'] === `local-${name}`).map(each => each.name)
      },
      /** What its operator has asked the API server for, with the namespaces it named. */
      async asked() {
        const lines = (await readFile(cluster.auditLog, 'utf8')).split('\n').filter(line => line.endsWith('}'))
        return lines
          .map(line => audited.parse(JSON.parse(line)))
          .filter(event => event.user.username === user && event.userAgent.startsWith('wasd-'))
          .map(({ objectRef, responseStatus, verb }) => ({ ...objectRef, verb, code: responseStatus?.code ?? 0 }))
      },
      lastWords: async () => (await operator?.pods(`${RELEASE}-operator`)[0]?.lastWords(30)) ?? '',
    }
  }

  return {
    kubectl,
    until,
    team,
    /** Resolves when whoever runs has listed all of Azure's disks so many times more: each sweep does it once. */
    async sweeps(times: number): Promise<void> {
      let { next: since } = calls.parse(await arm.get('/simulator/log?since=0'))
      let seen = 0
      await until(`${times} sweeps more`, async () => {
        const { entries, next } = calls.parse(await arm.get(`/simulator/log?since=${since}`))
        since = next
        seen += entries.filter(({ kind }) => kind === 'LIST disks').length
        return seen >= times
      })
    },
    async close(): Promise<void> {
      await Promise.all(closing.map(stop => stop()))
      await dispatcher.close()
      await arm.close()
      await simulators.stop()
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
