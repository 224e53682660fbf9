// The whole stack for a proof: two operators of which one leads, one API, everything outside simulated; and who strikes
// them down. What went on is told only when a test fails.
import postgres, { type Sql } from 'postgres'
import { type Control, control } from '../../demo/evening/control.ts'
import type { Pod } from '../../demo/stack/pod.ts'
import { type Stack, startStack } from '../../demo/stack/stack.ts'
import { createTimeline, type Timeline } from '../../demo/timeline.ts'
import { connect, type KubeClient } from '../../lib/kube/client.ts'
import { leases } from '../../lib/kube/core.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { patientFor } from '../until.ts'
import { type AzureState, isEmpty, type Sources } from './dump.ts'

/** As fast as Azure can be run with the kills still hitting what they aim at. */
const SPEED = 40
const LEASE = 'wasd-operator'
const LOOK_MILLISECONDS = 10
/** Seconds that any state may take to come: far above what it takes. */
const PATIENCE_SECONDS = 60
/** Lines of a program's log that tell what it was at. */
const LAST_LINES = 40
/** Entries of the timeline, likewise: an evening has about so many. */
const LAST_SAID = 60

export interface Theatre extends Sources {
  stack: Stack
  sql: Sql
  telegram: Control
  razorpay: Control
  timeline: Timeline
  /** Aborted at the end. */
  stop: AbortSignal
  /** The process that holds the Lease. */
  leader(): Promise<{ pod: Pod; identity: string }>
  /** Every holder that the Lease names from now on, '' when it is let go; each once until it changes. */
  followLease(): Promise<{ holders: string[] }>
  /** Whether nothing in Azure carries our tag. */
  isAzureEmpty(): Promise<boolean>
  /** Ends the process by a signal and resolves when it is gone. */
  strike(pod: Pod, signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Resolves with what `look` finds as soon as it finds something. Throws with `what` when it does not come. */
  until<Found>(what: string, look: () => Promise<Found | undefined | false>): Promise<Found>
  /** What a person needs who reads that a test failed. */
  lastWords(): Promise<string>
  close(): Promise<void>
}

export async function openTheatre(): Promise<Theatre> {
  // One size: which of two is taken next hangs on how often the others were taken back, evening after evening.
  const values = { catalogue: { tiers: { standard: { sizes: ['Standard_NC8as_T4_v3'] } } } }
  const stack = await startStack({ speed: SPEED, replicas: { operator: 2 }, leases: 'short', values })
  const ends = new AbortController()
  const told: string[] = []
  const timeline = createTimeline({ clock, write: text => void told.push(text), isTerminal: false })
  const azure = control(stack.urls.azure, stack.simulators.azure.greeting.ca)
  const telegram = control(stack.urls.telegram)
  const razorpay = control(stack.urls.razorpay)
  const credentials = await loadCredentials({ kubeconfig: stack.cluster.kubeconfig, environment: {} })
  const kube: KubeClient = connect(credentials, { userAgent: 'proof' })
  const sql = postgres(stack.postgres.superuserUrl('wasd_api'), { max: 4, onnotice: () => undefined })
  const { namespace } = stack
  const lease = { namespace, name: LEASE }

  const until = patientFor(PATIENCE_SECONDS, { lookMilliseconds: LOOK_MILLISECONDS })

  return {
    ...{ stack, azure, telegram, razorpay, kube, sql, namespace, timeline, until },
    stop: ends.signal,
    async leader() {
      return await until('a leader', async () => {
        const identity = (await kube.get(leases, lease))?.spec?.holderIdentity ?? ''
        const pod = stack.operator.find(({ name }) => identity.startsWith(`${name}_`))
        return pod && { pod, identity }
      })
    },
    async followLease() {
      const { metadata, items } = await kube.list(leases, { namespace })
      const holders = items.filter(({ metadata }) => metadata.name === LEASE).map(holder)
      void (async () => {
        const options = {
          namespace,
          resourceVersion: metadata.resourceVersion,
          timeoutSeconds: 600,
          signal: ends.signal,
        }
        for await (const event of kube.watch(leases, options)) {
          if (event.type === 'BOOKMARK' || event.object.metadata.name !== LEASE) continue
          if (holder(event.object) !== holders.at(-1)) holders.push(holder(event.object))
        }
      })().catch(() => undefined) // Its end is the theatre's.
      return { holders }
    },
    isAzureEmpty: async () => isEmpty(await azure.get<AzureState>('/simulator/state')),
    async strike(pod, signal = 'SIGKILL') {
      const pid = pod.pid()
      if (pid === undefined) throw new Error(`${pod.name} does not run.`)
      timeline.say('stack', `${signal} for ${pod.name}`)
      pod.kill(signal)
      await until(`the end of ${pod.name}`, async () => pod.pid() !== pid)
    },
    async lastWords() {
      const pods = [...stack.operator, ...stack.api]
      const logs = await Promise.all(pods.map(async pod => `--- ${pod.name}\n${await pod.lastWords(LAST_LINES)}`))
      return [...told.slice(-LAST_SAID), ...logs].join('\n')
    },
    async close() {
      ends.abort()
      await Promise.all([sql.end(), kube.close(), ...[azure, telegram, razorpay].map(each => each.close())])
      await stack.remove()
    },
  }
}

function holder({ spec }: { spec?: { holderIdentity?: string } }): string {
  return spec?.holderIdentity ?? ''
}
