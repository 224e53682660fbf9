// The stage of these tests: the whole stack, once for a file. Players come and go on it, each with a chat, a wallet and
// sessions of their own; an SRE has kubectl; Azure does what it is told.
import { type GameSession, type GameSessionSpec, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, type GpuVmSpec, gpuVms } from '../../crds/types/gpuvm.ts'
import type { Stores } from '../../demo/account/stores.ts'
import { control } from '../../demo/evening/control.ts'
import { withStores } from '../../demo/evening/evening.ts'
import { type Stack, type StackOptions, startStack } from '../../demo/stack/stack.ts'
import { connect, type KubeClient } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { patientFor, type Until } from '../until.ts'
import { azureOf } from './azure.ts'
import { type Deeds, deeds, objectOf } from './deeds.ts'
import { type Evening, eveningOf, type Machine, machineOf } from './evening.ts'
import { type Player, playerOf } from './player.ts'
import { rememberingTimeline } from './remembered.ts'

/** Azure's minutes pass so many times as fast, and so do the operator's looks at it. */
const SPEED = 60
/** Free seconds after the paid ones; small, so that a test sees their end. */
const GRACE_SECONDS = 2
const PATIENCE_SECONDS = 60
const LOOK_MILLISECONDS = 40
/** Lines of each program's log that a failure shows. */
const LAST_WORDS = 25

export interface Stage extends Deeds {
  stack: Stack
  kube: KubeClient
  azure: ReturnType<typeof azureOf>
  until: Until
  /** Runs kubectl where the sessions live; what it printed. Throws when it fails. */
  kubectl(args: string[], input?: object): Promise<string>
  /** A person with a chat of their own, who has written nothing yet. */
  player(firstName: string): Promise<Player>
  /** A session made by kubectl alone, for a player of its own unless the spec names one. */
  applied(name: string, spec?: Partial<GameSessionSpec>): Promise<Evening>
  /** A machine made by kubectl alone. */
  bareMachine(name: string, spec?: Partial<GpuVmSpec>): Promise<Machine>
  /** A session that is there. */
  evening(name: string): Promise<Evening>
  stores: Stores
  /** What a person needs when a test fails: what happened so far, the objects, the ends of the programs' logs. */
  account(): Promise<string>
  stop(): Promise<void>
}

export async function startStage(options: StackOptions = {}): Promise<Stage> {
  const stack = await startStack({
    speed: SPEED,
    values: { operator: { paidGraceSeconds: GRACE_SECONDS } },
    ...options,
  })
  const timeline = rememberingTimeline()
  const over = new AbortController()
  const { namespace } = stack
  const credentials = await loadCredentials({ kubeconfig: stack.cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'test' })
  const controls = {
    azure: control(stack.urls.azure, stack.simulators.azure.greeting.ca),
    telegram: control(stack.urls.telegram),
    razorpay: control(stack.urls.razorpay),
  }
  const { razorpay, telegram } = controls
  const { stores, closed: storesClosed } = await openStores()

  const until = patientFor(PATIENCE_SECONDS, { lookMilliseconds: LOOK_MILLISECONDS })
  const azure = azureOf({ control: controls.azure, until })

  async function kubectl(args: string[], input?: object): Promise<string> {
    timeline.say('sre', `$ kubectl ${args.join(' ')}`)
    const { code, stdout, stderr } = await stack.kubectl(
      ['--namespace', namespace, ...args],
      input && JSON.stringify(input),
    )
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr.trim() || stdout.trim()}`)
    return stdout
  }

  /** Open until the stage is taken down: `withStores` closes what it opens when its reader is done. */
  async function openStores(): Promise<{ stores: Stores; closed: Promise<void> }> {
    const { promise: open, resolve, reject } = Promise.withResolvers<Stores>()
    const ending = new Promise<void>(done => over.signal.addEventListener('abort', () => done(), { once: true }))
    const closed = withStores({ stack, ...controls }, async found => {
      resolve({ ...found, graceSeconds: GRACE_SECONDS })
      await ending
    })
    closed.catch(reject)
    return { stores: await open, closed }
  }

  async function evening(name: string): Promise<Evening> {
    return await eveningOf({ kube, until, kubectl, azure, namespace, name })
  }

  async function objects(): Promise<string> {
    const [sessions, machines] = [await kube.list(gameSessions, { namespace }), await kube.list(gpuVms, { namespace })]
    const told = ({ kind, metadata, status }: GameSession | GpuVm) => {
      const { conditions = [], ...rest } = status ?? {}
      const { phase, ...more } = rest
      return [
        `${kind} ${metadata.name}: ${phase}${metadata.deletionTimestamp ? ', being deleted' : ''}`,
        ...conditions.map(({ type, status, reason, message }) => `  ${type}=${status} ${reason}: ${message}`),
        `  ${JSON.stringify(more)}`,
      ].join('\n')
    }
    return [...sessions.items, ...machines.items].map(told).join('\n')
  }

  return {
    ...{ stack, kube, azure, until, kubectl, evening, stores },
    ...deeds({ stack, stores, until, kubectl, razorpay }),
    async player(firstName) {
      return await playerOf({
        firstName,
        apiUrl: stack.urls.api,
        telegram,
        timeline,
        stop: over.signal,
        stores,
        evening,
      })
    },
    async applied(name, spec = {}) {
      const standard = { player: `player-of-${name}`, game: 'neon-rally', tier: 'standard', regions: ['centralindia'] }
      await kubectl(['apply', '-f', '-'], objectOf('GameSession', name, { ...standard, ...spec }))
      return await evening(name)
    },
    async bareMachine(name, spec = {}) {
      const standard = { region: 'westeurope', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia' }
      await kubectl(['apply', '-f', '-'], objectOf('GpuVm', name, { ...standard, ...spec }))
      return await machineOf({ kube, until, kubectl, azure, namespace, name })
    },
    async account() {
      const parts = [
        ['What happened', timeline.told()],
        ['Objects', await objects().catch(String)],
        ...(await Promise.all(
          [...stack.operator, ...stack.api].map(async pod => [
            `The log of ${pod.name}`,
            await pod.lastWords(LAST_WORDS),
          ]),
        )),
      ]
      return parts.map(([title, text]) => `── ${title}\n${text}`).join('\n')
    },
    async stop() {
      over.abort()
      await Promise.all([storesClosed, kube.close()])
      await stack.remove() // Before the controls: they wait for the chats' long polls.
      await Promise.all(Object.values(controls).map(each => each.close()))
    },
  }
}
