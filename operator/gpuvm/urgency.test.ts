import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { WorkQueue } from '../../lib/kube/queue.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { unseenStatus } from '../unseen.fixture.ts'
import { sight } from './sights.fixture.ts'
import { priorityOf, priorityOfChange, urgencyOf } from './urgency.ts'

const played = { stream: { answering: false } }
const machine = (status: GpuVm['status'], different: Partial<GpuVm> = {}): GpuVm => {
  const { machine: plain } = sight()
  return { ...plain, ...different, ...(status && { status }) }
}

test.each<{ title: string; machine: GpuVm; is: string }>([
  { title: 'nobody has played on it yet', machine: machine({}), is: 'Creation' },
  { title: 'somebody plays, as far as is known', machine: machine(played), is: 'Rescue' },
  {
    title: 'somebody sat there when it was lost',
    machine: machine({ ...played, guest: { connected: true } }),
    is: 'Rescue',
  },
  { title: 'nobody sat there', machine: machine({ ...played, guest: { connected: false } }), is: 'Standing' },
])('$title: $is', ({ machine, is }) => {
  expect(urgencyOf(machine)).toBe(is)
})

test('what is given up costs money for nothing, whoever played on it', () => {
  const { machine: plain } = sight()
  const metadata = { ...plain.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
  expect(urgencyOf(machine(played, { metadata }))).toBe('Removal')
  expect(urgencyOf(machine(played, { spec: { ...plain.spec, powerState: 'Deallocated' } }))).toBe('Removal')
})

test('of many asked for at once the first is finished before the last is begun, and what is to go overtakes them all', async () => {
  const clock = handClock()
  const log = createLogger({ program: 'test', level: 'silent' })
  const queue = new WorkQueue({
    name: 'q',
    runtime: { clock, random: () => 0.5, log, metrics: kubeMetrics(new Registry()) },
  })
  const plain = machine(unseenStatus('gpuvms'))
  const gone = { ...plain, metadata: { ...plain.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  for (const name of ['first', 'second', 'third']) queue.add(name, priorityOfChange(plain))

  const taken: string[] = []
  for (let pass = 0; pass < 7; pass += 1) {
    const { key = '' } = (await queue.take(AbortSignal.timeout(1000))) ?? {}
    queue.done(key)
    taken.push(key)
    if (taken.length === 4) queue.add('gone', priorityOfChange(gone))
    // Each takes two looks: after the first it asks for the next.
    if (taken.filter(one => one === key).length === 1 && key !== 'gone') queue.add(key, priorityOf(plain))
  }
  expect(taken).toEqual(['first', 'first', 'second', 'second', 'gone', 'third', 'third'])
})
