// The names, labels and buckets that dashboards and alerts are written against, as controller-runtime and client-go have them:
// https://github.com/kubernetes-sigs/controller-runtime/tree/main/pkg (internal/controller/metrics,
// internal/metrics/workqueue.go, metrics/leaderelection.go), and k8s.io/component-base/metrics/prometheus/restclient.
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { kubeMetrics } from './metrics.ts'

const queue = ['name', 'controller']
const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 100, 1000]
const verb = ['verb', 'host']
const sizes = [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216]

const theirs = {
  controller_runtime_reconcile_total: ['counter', ['controller', 'result']],
  controller_runtime_reconcile_errors_total: ['counter', ['controller']],
  controller_runtime_terminal_reconcile_errors_total: ['counter', ['controller']],
  controller_runtime_reconcile_panics_total: ['counter', ['controller']],
  controller_runtime_reconcile_timeouts_total: ['counter', ['controller']],
  controller_runtime_reconcile_time_seconds: [
    'histogram',
    ['controller'],
    numbers(
      '0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 1',
      '1.25 1.5 1.75 2 2.5 3 3.5 4 4.5 5 6 7 8 9 10 15 20 25 30 40 50 60',
    ),
  ],
  controller_runtime_max_concurrent_reconciles: ['gauge', ['controller']],
  controller_runtime_active_workers: ['gauge', ['controller']],

  workqueue_depth: ['gauge', [...queue, 'priority']],
  workqueue_adds_total: ['counter', queue],
  workqueue_queue_duration_seconds: ['histogram', queue, queueBuckets],
  workqueue_work_duration_seconds: ['histogram', queue, queueBuckets],
  workqueue_unfinished_work_seconds: ['gauge', queue],
  workqueue_longest_running_processor_seconds: ['gauge', queue],
  workqueue_retries_total: ['counter', queue],

  rest_client_requests_total: ['counter', ['code', 'method', 'host']],
  rest_client_request_duration_seconds: ['histogram', verb, [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]],
  rest_client_request_size_bytes: ['histogram', verb, sizes],
  rest_client_response_size_bytes: ['histogram', verb, sizes],
  rest_client_request_retries_total: ['counter', ['code', ...verb]],

  leader_election_master_status: ['gauge', ['name']],
  leader_election_slowpath_total: ['counter', ['name']],
} as const

/** KEP-5647's two names, and those that nobody had given yet. */
const ours = {
  store_resource_version: ['gauge', ['resource']],
  stale_sync_skips_total: ['counter', ['controller']],
  kube_store_objects: ['gauge', ['resource']],
  kube_watch_last_event_age_seconds: ['gauge', ['resource']],
  kube_watch_restarts_total: ['counter', ['resource', 'cause']],
  kube_lists_total: ['counter', ['resource']],
  kube_handler_errors_total: ['counter', ['resource']],
  kube_events_total: ['counter', ['result']],
} as const

const declared = z.array(
  z.object({ name: z.string(), labelNames: z.array(z.string()), buckets: z.array(z.number()).optional() }),
)

test('the metrics are controller-runtime’s and client-go’s by name, type, labels and buckets, and a few more', async () => {
  const registry = new Registry()
  kubeMetrics(registry)
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]))
  const table = declared.parse(registry.getMetricsAsArray()).map(({ name, labelNames, buckets }) => {
    const row = [types.get(name), labelNames, ...(buckets === undefined ? [] : [buckets])]
    return [name, row]
  })
  expect(Object.fromEntries(table)).toEqual({ ...theirs, ...ours })
})

function numbers(...lines: string[]): number[] {
  return lines.flatMap(line => line.split(' ').map(Number))
}
