// The official client's informers of both kinds: a line of JSON when both have listed all that there is.
import {
  CustomObjectsApi,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
} from '@kubernetes/client-node'

const config = new KubeConfig()
config.loadFromFile(process.env.KUBECONFIG ?? '')
const api = config.makeApiClient(CustomObjectsApi)
const began = performance.timeOrigin

const informers = ['gamesessions', 'gpuvms'].map(plural => {
  const list = async (): Promise<KubernetesListObject<KubernetesObject>> =>
    await api.listClusterCustomObject({ group: 'wasd.cloud', version: 'v1alpha1', plural })
  return makeInformer(config, `/apis/wasd.cloud/v1alpha1/${plural}`, list)
})
await Promise.all(informers.map(informer => informer.start()))
const missing = informers.filter(informer => informer.list().length < Number(process.env.COUNT))
if (missing.length > 0) throw new Error('An informer has started and does not have everything.')
const seconds = (performance.timeOrigin + performance.now() - began) / 1000
console.log(JSON.stringify({ seconds, residentMiB: process.memoryUsage().rss / 2 ** 20 }))
process.exit(0)
