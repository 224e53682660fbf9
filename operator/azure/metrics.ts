// How long Azure takes and what it refuses, counted in one wrapper around the provider. The names are Karpenter's.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type Budget, URGENCIES } from './budget.ts'
import { AzureError } from './errors.ts'
import type { Azure } from './provider.ts'

const LABELS = ['method', 'provider'] as const

/** Wraps an `Azure` so that every call is timed and every error counted by its code. */
export function azureMetrics(options: { registry: Registry; monotonic: () => number }): (azure: Azure) => Azure {
  const registers = [options.registry]
  const duration = new Histogram({
    name: 'cloudprovider_duration_seconds',
    help: 'Seconds that calls to the cloud provider took, by method.',
    labelNames: LABELS,
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const errors = new Counter({
    name: 'cloudprovider_errors_total',
    help: 'Errors that the cloud provider returned, by method and by the code that it gave.',
    labelNames: [...LABELS, 'error'],
    registers,
  })

  const get = (target: Azure, method: string | symbol, receiver: unknown) => {
    const call: unknown = Reflect.get(target, method, receiver)
    if (typeof call !== 'function') return call
    const labels = { method: String(method), provider: 'azure' }

    return async (...given: unknown[]) => {
      const began = options.monotonic()
      try {
        return await call.apply(target, given)
      } catch (error) {
        if (error instanceof AzureError) errors.inc({ ...labels, error: error.code })
        throw error
      } finally {
        duration.observe(labels, (options.monotonic() - began) / 1000)
      }
    }
  }
  return azure => new Proxy(azure, { get })
}

/** How many requests wait for their turn, by their urgency. */
export function budgetMetrics(registry: Registry, budget: Budget): void {
  new Gauge({
    name: 'wasd_azure_requests_waiting',
    help: 'Requests that wait until the limits of Azure have room for them, by urgency.',
    labelNames: ['urgency'],
    registers: [registry],
    collect() {
      const waiting = budget.waiting()
      for (const urgency of URGENCIES) this.set({ urgency }, waiting[urgency])
    },
  })
}
