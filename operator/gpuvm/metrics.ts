// What the machines look like from afar: those that somebody has to look after.
import { Gauge, type Registry } from 'prom-client'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition, isTrue } from '../../lib/kube/conditions.ts'
import type { Store } from '../../lib/kube/store.ts'
import { OVERDUE, SLOW } from './overdue.ts'

/** Registers everything with `registry`; once per registry. */
export function gpuVmMetrics(registry: Registry, machines: Store<GpuVm>): void {
  const count = ({ name, help, is }: { name: string; help: string; is: (machine: GpuVm) => boolean }) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(machines.list().filter(is).length)
      },
    })
  count({
    name: 'wasd_machines_stalled',
    help: 'GpuVms that only a person can bring to what they ask for; some of them cost on',
    is: ({ status }) => isTrue(status?.conditions, 'Stalled'),
  })
  count({
    name: 'wasd_machines_overdue',
    help: 'GpuVms on which Azure has been at work for unusually long',
    is: ({ status }) => [SLOW, OVERDUE].includes(condition(status?.conditions, 'Ready')?.reason ?? ''),
  })
}
