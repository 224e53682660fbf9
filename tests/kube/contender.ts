// One of two programs that want to lead, as a process that can be stopped in the middle of its work. While it leads it
// writes its name and a count into one object's status, again and again, upon the version of its last write; on stdout it says
// what became of it, a word a line. The lease goes by a way of its own, so that the other one can be held.
import { Registry } from 'prom-client'
import { connect } from '../../lib/kube/client.ts'
import { controller } from '../../lib/kube/controller.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { elector } from '../../lib/kube/elector.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { fenced } from '../../lib/kube/fence.ts'
import { manager } from '../../lib/kube/manager.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { rawSource } from '../../lib/kube/sources.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { type Widget, widgets } from './widgets.ts'

const { CONTENDER: identity = '', NAMESPACE: namespace = '', KUBECONFIG: kubeconfig, LEASE_KUBECONFIG } = process.env
const log = createLogger({ program: 'contender', level: 'silent' })
const runtime = { clock, random: Math.random, log, metrics: kubeMetrics(new Registry()) }
const userAgent = `${identity}/1`
const client = connect(await loadCredentials({ kubeconfig, environment: {} }), { userAgent })
const leaseClient = connect(await loadCredentials({ kubeconfig: LEASE_KUBECONFIG, environment: {} }), { userAgent })
const times = { leaseSeconds: 2, renewDeadlineSeconds: 1.2, retrySeconds: 0.1 }
const lease = { namespace, name: 'leader' }
const leader = elector({ runtime, client: leaseClient, lease, identity, ...times })
const writer = fenced(client, leader.holds)

const say = (word: string) => process.stdout.write(`${word}\n`)
const contested = { namespace, name: 'contested' }
let last: Widget | undefined

const writing = controller({
  runtime,
  name: 'contender',
  sources: [rawSource()],
  async reconcile() {
    last ??= await client.get(widgets, contested)
    if (last === undefined) return
    try {
      const status = { phase: identity, seen: (last.status?.seen ?? 0) + 1 }
      last = await writer.replaceStatus(widgets, { ...last, status })
      say('wrote')
    } catch (error) {
      last = undefined
      say(isKubeError(error) ? error.code : String(error))
    }
    return { requeueAfterSeconds: 0.005 }
  },
})
writing.enqueue(contested)

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
say(await manager({ runtime, reflectors: [], controllers: [writing], elector: leader }).run(stop.signal))
process.exit(0)
