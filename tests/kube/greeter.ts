import { Registry } from 'prom-client'
import { connect } from '../../lib/kube/client.ts'
import { controller } from '../../lib/kube/controller.ts'
import { configMaps } from '../../lib/kube/core.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { elector } from '../../lib/kube/elector.ts'
import { fenced } from '../../lib/kube/fence.ts'
import { manager } from '../../lib/kube/manager.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { generationChanged } from '../../lib/kube/predicates.ts'
import { reflector } from '../../lib/kube/reflector.ts'
import { controlledBy, defineResource, type KubernetesObject, type ObjectReference } from '../../lib/kube/resource.ts'
import { ownedBy, reflected } from '../../lib/kube/sources.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { createLogger, type Logger } from '../../lib/telemetry/log.ts'

// What we watch: declared once, typed from here on.
type Greeting = KubernetesObject & { spec: { text: string } }
const kind = { group: 'example.com', version: 'v1', plural: 'greetings', kind: 'Greeting', namespaced: true }
const greetings = defineResource<Greeting>(kind)

const log = createLogger({ program: 'greeter', level: 'info' })
const runtime = { clock: systemClock, random: Math.random, log, metrics: kubeMetrics(new Registry()) }
const credentials = await loadCredentials({ environment: process.env })
const client = connect(credentials, { userAgent: 'greeter/1', metrics: runtime.metrics, log })
const lease = { namespace: 'default', name: 'greeter' }
const leader = elector({ runtime, client, lease, identity: crypto.randomUUID() })
const writer = fenced(client, leader.holds)
const seen = reflector({ runtime, client, resource: greetings })
const written = reflector({ runtime, client, resource: configMaps, labelSelector: 'app=greeter' })

// Each Greeting gets a ConfigMap with its text; whoever deletes or edits that sees it come back.
async function reconcile(key: ObjectReference, signal: AbortSignal, log: Logger) {
  const greeting = seen.store.get(key)
  if (greeting === undefined || greeting.metadata.deletionTimestamp !== undefined) return
  if (written.store.get(key)?.data?.text === greeting.spec.text) return
  const metadata = { ...key, labels: { app: 'greeter' } }
  const wanted = controlledBy({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: greeting.spec }, greeting)
  await writer.apply(configMaps, wanted, { fieldManager: 'greeter', force: true, signal })
  log.info('Greeted')
}
const changes = reflected(seen, { predicate: generationChanged })
const sources = [changes, reflected(written, { map: ownedBy(greetings) })]
const greeter = controller({ runtime, name: 'greeter', sources, reconcile })

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
await manager({ runtime, reflectors: [seen, written], controllers: [greeter], elector: leader }).run(stop.signal)
await client.close()
