// Operations of Azure's that do not end, in the operator's time run faster than Azure's: what comes of them nobody knows, so
// nothing is asked for twice; but people are told, and all goes on by itself when they do end.
import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { World } from './support/world.ts'

/** Fifteen minutes are less than a second to it, and ninety five. */
const OPERATOR_SPEED = 1000
/** Nine seconds of this test's. */
const LONG = { workSeconds: 900 }

const isRunning = ({ status }: GpuVm) => status?.powerState === 'Running'
const reasonOf = ({ status }: GpuVm, type: string) => condition(status?.conditions, type)?.reason

export function overdueOperationsAreTold(world: () => World): void {
  test.concurrent.each([
    { kind: 'PUT virtualMachines', during: 'Creation' },
    { kind: 'PUT publicIPAddresses', during: 'Creation' },
    { kind: 'DELETE virtualMachines', during: 'Deletion' },
    { kind: 'DELETE disks', during: 'Deletion' },
    { kind: 'DELETE virtualMachines', during: 'Replacement' },
  ])(
    '$kind that does not end, in a $during, is told when it is slow, is a person’s when it is overdue, is not asked for twice, and goes on when it ends',
    async ({ kind, during }) => {
      const scene = await world().scene(`${kind.replace(' ', '-').toLowerCase()}-${during.toLowerCase()}`)
      const { registry } = scene.operate({ speed: OPERATOR_SPEED })
      const uid = await scene.apply('solo', {}, { annotations: { 'wasd.cloud/suspend': '' } })
      const isLate = during !== 'Creation'
      if (isLate) {
        await scene.annotate('solo', { 'wasd.cloud/suspend': null })
        await scene.machine('solo', 'runs', isRunning)
      }
      await world().azure.fault({ kind, resource: uid }, LONG)
      if (!isLate) await scene.annotate('solo', { 'wasd.cloud/suspend': null })
      else if (during === 'Deletion') await scene.delete('solo')
      else await scene.change('solo', { size: 'Standard_NV6ads_A10_v5' })

      await scene.machine('solo', 'is slow', found => reasonOf(found, 'Reconciling') === 'OperationSlow')
      const overdue = await scene.machine(
        'solo',
        'is overdue',
        found => reasonOf(found, 'Stalled') === 'OperationOverdue',
      )
      expect(condition(overdue.status?.conditions, 'Stalled')?.message).toMatch(
        /Azure has been at it since .*Z, longer than the 90 minutes .* open a support request/,
      )
      expect(await registry.getSingleMetricAsString('wasd_machines_overdue')).toContain('wasd_machines_overdue 1')
      await scene.until('events tell both', async () => {
        const told = await scene.eventsOf('solo')
        return told.includes('OperationSlow') && told.includes('OperationOverdue')
      })

      if (during === 'Deletion') await scene.gone('solo')
      else {
        const size = isLate ? 'Standard_NV6ads_A10_v5' : 'Standard_NV12ads_A10_v5'
        const running = await scene.machine(
          'solo',
          'runs after all',
          found => isRunning(found) && found.status?.size === size,
        )
        expect(reasonOf(running, 'Stalled')).toBeUndefined()
      }
      const calls = (await world().azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid))
      expect(calls).toHaveLength(1)
      if (during !== 'Deletion') await scene.delete('solo')
      await scene.gone('solo')
      await scene.end()
    },
    60_000,
  )
}
