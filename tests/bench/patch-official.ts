// Patches statuses by @kubernetes/client-node as fast as it can; says in a line of JSON how fast that was.
import { CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { patches } from './patches.ts'

const config = new KubeConfig()
config.loadFromFile(process.env.KUBECONFIG ?? '')
const api = config.makeApiClient(CustomObjectsApi)
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
await patches(async ({ namespace, name, status }) => {
  const object = { group: 'wasd.cloud', version: 'v1alpha1', plural: 'gpuvms', namespace, name }
  await api.patchNamespacedCustomObjectStatus({ ...object, body: { status } }, merge)
})
