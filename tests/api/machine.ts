// A machine in the cluster, and the agent on it that reports.
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { ask } from './client-of.ts'
import type { World } from './program.ts'

/** A machine as the operator would have made it, and its agent. */
export async function machineIn(world: World, name: string) {
  const { kube, namespace, guests, url } = world
  const spec: GpuVm['spec'] = {
    region: 'westeurope',
    size: 'Standard_NV12ads_A10_v5',
    image: 'linux-nvidia',
    priority: 'Spot',
    onEviction: 'Regular',
    powerState: 'Running',
    disks: { os: { sizeGiB: 128, sku: 'Premium_LRS' } },
  }
  const made = await kube.create(gpuVms, {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GpuVm',
    metadata: { name, namespace },
    spec,
  })
  const reference = { namespace, name }
  const incarnate = (number: number) => {
    const incarnation = { number, priority: 'Spot', specPriority: 'Spot', reason: 'Created' } as const
    return kube.mergePatch(gpuVms, reference, { status: { incarnation } }, { subresource: 'status' })
  }
  await incarnate(1)
  const uid = made.metadata.uid ?? ''
  const token = await guests.sign({ uid, name, namespace })
  return {
    ...{ reference, uid, token, incarnate },
    seen: async () => await kube.get(gpuVms, reference),
    reports: (body: object, as = token) => ask(url, '/v1/guest/report', { method: 'POST', body, token: as }),
  }
}
