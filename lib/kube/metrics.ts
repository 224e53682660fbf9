// The metrics of the runtime, under the names controller-runtime and client-go gave them, so that the dashboards
// people own already work. What has no name there begins with `kube_`.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** One queue at the moment of a scrape. */
export interface QueueSnapshot {
  depths: ReadonlyMap<number, number>
  /** How long each key now worked on has been worked on. */
  workingSeconds: readonly number[]
}

/** What one reflector sees at the moment of a scrape. */
export interface Sight {
  ageSeconds: number | undefined
  resourceVersion: string | undefined
  objects: number
}

export type KubeMetrics = ReturnType<typeof kubeMetrics>

/** controller-runtime `pkg/internal/controller/metrics`. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
]
/** controller-runtime `pkg/metrics/workqueue.go`: ten nanoseconds to a thousand seconds, each ten times the last. */
const QUEUE_BUCKETS = Array.from({ length: 12 }, (_, exponent) => 10 ** (exponent - 8))
/** k8s.io/component-base `metrics/prometheus/restclient`. */
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** The same, for bytes. */
const SIZE_BUCKETS = [64, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]
/** controller-runtime `pkg/internal/metrics/workqueue.go`: priorities beyond so many share one label. */
const PRIORITIES_LIMIT = 25
const PRIORITIES_BEYOND = 'exceeded_cardinality_limit'

/** Registers everything with `registry`; once per registry. */
export function kubeMetrics(registry: Registry) {
  const registers = [registry]
  const queues = new Map<string, () => QueueSnapshot>()
  const reflectors = new Map<string, () => Sight>()
  const priorities = new Map<string, Set<number>>()
  const priorityLabel = (queue: string, priority: number) => {
    const known = priorities.get(queue) ?? new Set()
    priorities.set(queue, known)
    if (known.size < PRIORITIES_LIMIT) known.add(priority)
    return known.has(priority) ? String(priority) : PRIORITIES_BEYOND
  }
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name, help, labelNames, registers, buckets })

  // These four are read at the scrape; nobody keeps them up to date in between.
  const perQueue = (name: string, help: string, figure: (snapshot: QueueSnapshot) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['name', 'controller'],
      registers,
      collect() {
        for (const [queue, snapshot] of queues) this.set({ name: queue, controller: queue }, figure(snapshot()))
      },
    })
  perQueue('workqueue_unfinished_work_seconds', 'Seconds of work in progress, summed over the workers', snapshot =>
    snapshot.workingSeconds.reduce((sum, seconds) => sum + seconds, 0),
  )
  perQueue('workqueue_longest_running_processor_seconds', 'Seconds the longest running worker has run', snapshot =>
    Math.max(0, ...snapshot.workingSeconds),
  )
  new Gauge({
    name: 'workqueue_depth',
    help: 'Keys ready to be worked on, by priority',
    labelNames: ['name', 'controller', 'priority'],
    registers,
    collect() {
      this.reset()
      for (const [queue, snapshot] of queues)
        for (const [priority, depth] of snapshot().depths) {
          this.inc({ name: queue, controller: queue, priority: priorityLabel(queue, priority) }, depth)
        }
    },
  })
  new Gauge({
    name: 'kube_watch_last_event_age_seconds',
    help: 'Seconds since the server last gave a sign: list, event or bookmark',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, sight] of reflectors) this.set({ resource }, sight().ageSeconds ?? Number.NaN)
    },
  })
  new Gauge({
    name: 'store_resource_version',
    help: 'The newest resourceVersion that the store has reached',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, sight] of reflectors) this.set({ resource }, Number(sight().resourceVersion))
    },
  })
  new Gauge({
    name: 'kube_store_objects',
    help: 'Objects in the store',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, sight] of reflectors) this.set({ resource }, sight().objects)
    },
  })

  return {
    registry,
    queues,
    reflectors,
    requests: counter('rest_client_requests_total', 'Requests to the API server', 'code', 'method', 'host'),
    requestSeconds: histogram(
      'rest_client_request_duration_seconds',
      'Seconds from the request to the whole answer; watches are not counted',
      REQUEST_BUCKETS,
      'verb',
      'host',
    ),
    requestBytes: histogram('rest_client_request_size_bytes', 'Bytes sent in bodies', SIZE_BUCKETS, 'verb', 'host'),
    responseBytes: histogram(
      'rest_client_response_size_bytes',
      'Bytes of whole answers; watches are not counted',
      SIZE_BUCKETS,
      'verb',
      'host',
    ),
    requestRetries: counter(
      'rest_client_request_retries_total',
      'Requests sent again by the client itself: a read whose connection broke, a call whose credentials were old',
      'code',
      'verb',
      'host',
    ),
    queueAdds: counter('workqueue_adds_total', 'Keys added', 'name', 'controller'),
    queueRetries: counter('workqueue_retries_total', 'Keys added with a delay', 'name', 'controller'),
    queueSeconds: histogram(
      'workqueue_queue_duration_seconds',
      'Seconds a key waits for a worker',
      QUEUE_BUCKETS,
      'name',
      'controller',
    ),
    workSeconds: histogram(
      'workqueue_work_duration_seconds',
      'Seconds a worker spends on a key',
      QUEUE_BUCKETS,
      'name',
      'controller',
    ),
    reconciles: counter('controller_runtime_reconcile_total', 'Reconciles by result', 'controller', 'result'),
    reconcileErrors: counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed', 'controller'),
    terminalErrors: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciles that failed and are not retried',
      'controller',
    ),
    reconcilePanics: counter(
      'controller_runtime_reconcile_panics_total',
      'Reconciles that failed by a mistake in the program (TypeError and its like)',
      'controller',
    ),
    reconcileTimeouts: counter(
      'controller_runtime_reconcile_timeouts_total',
      'Reconciles aborted at their time limit',
      'controller',
    ),
    reconcileSeconds: histogram(
      'controller_runtime_reconcile_time_seconds',
      'Seconds per reconcile',
      RECONCILE_BUCKETS,
      'controller',
    ),
    maxConcurrentReconciles: gauge(
      'controller_runtime_max_concurrent_reconciles',
      'Workers a controller has',
      'controller',
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Workers that are at work', 'controller'),
    staleSkips: counter(
      'stale_sync_skips_total',
      'Looks put off because the store lacked our own last write',
      'controller',
    ),
    leading: gauge('leader_election_master_status', 'Whether this process leads: 1 or 0', 'name'),
    slowpath: counter('leader_election_slowpath_total', 'Renewals that had to read the lease first', 'name'),
    watchRestarts: counter('kube_watch_restarts_total', 'Watches that ended, by cause', 'resource', 'cause'),
    lists: counter('kube_lists_total', 'Full lists read by reflectors', 'resource'),
    handlerErrors: counter('kube_handler_errors_total', 'Change handlers that threw', 'resource'),
    eventsSent: counter('kube_events_total', 'Events by what became of them', 'result'),
  }
}
