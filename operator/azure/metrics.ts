// How long Azure takes and what it refuses, counted in one wrapper around the provider. The names are Karpenter's.
import { Counter, Histogram, type Registry } from 'prom-client'
import { AzureError } from './errors.ts'
import type { Azure } from './provider.ts'

const LABELS = ['method', 'provider'] as const

/** `azure` with every call timed and every error counted by its code. */
export function measured(azure: Azure, options: { registry: Registry; monotonic: () => number }): Azure {
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

  return new Proxy(azure, {
    get(target, method, receiver) {
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
    },
  })
}
