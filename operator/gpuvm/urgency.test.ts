import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { sight } from './sights.fixture.ts'
import { urgencyOf } from './urgency.ts'

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
