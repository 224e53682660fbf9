// What the sweeper finds and does.
import { Counter, Gauge, type Registry } from 'prom-client'

export interface SweeperMetrics {
  orphans: Gauge
  halted: Gauge
  deleted: Counter<'kind'>
}

export function sweeperMetrics(registry: Registry): SweeperMetrics {
  const registers = [registry]
  return {
    orphans: new Gauge({
      name: 'wasd_sweeper_orphans',
      help: 'Azure resources of this installation without an owner.',
      registers,
    }),
    halted: new Gauge({
      name: 'wasd_sweeper_halted',
      help: '1 while a sweep would delete too much at once and does nothing.',
      registers,
    }),
    deleted: new Counter({
      name: 'wasd_sweeper_deleted_total',
      help: 'Azure resources deleted for want of an owner.',
      labelNames: ['kind'],
      registers,
    }),
  }
}
