// What the controller manager puts into every namespace, put there by us where there is none.
import type { Clock } from '../../lib/process/clock.ts'
import type { AdminApi } from './admin-api.ts'

/** Milliseconds between two looks whether the controller manager has been there. */
const LOOK_MILLISECONDS = 50
const SEEDED_SECONDS = 30

/** Resolves when the namespace has its default service account and the cluster's CA. */
export async function seedNamespace(options: {
  name: string
  api: AdminApi
  ca: string
  hasControllerManager: boolean
  clock: Clock
}): Promise<void> {
  const { name, api, ca, hasControllerManager, clock } = options
  await create(api, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

  const within = `/api/v1/namespaces/${name}`
  if (!hasControllerManager) {
    await create(api, `${within}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default' },
    })
    await create(api, `${within}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt' },
      data: { 'ca.crt': ca },
    })
    return
  }
  const deadline = clock.monotonic() + SEEDED_SECONDS * 1000
  while ((await api.call('GET', `${within}/configmaps/kube-root-ca.crt`)) === undefined) {
    if (clock.monotonic() > deadline) throw new Error(`The controller manager did not publish its CA in ${name}.`)
    await clock.sleep(LOOK_MILLISECONDS)
  }
}

async function create(api: AdminApi, path: string, object: object): Promise<void> {
  const { status, body } = await api.answer('POST', path, object)
  if (status >= 400 && status !== 409)
    throw new Error(`POST ${path} was answered by ${status}: ${JSON.stringify(body)}`)
}
