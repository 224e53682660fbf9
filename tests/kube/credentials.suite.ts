import { execFile as execFileByCallback } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { namespaces } from '../../lib/kube/core.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { defineResource, type KubernetesObject, type Resource } from '../../lib/kube/resource.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, until } from './fixtures.ts'
import { rotatedCertificate, rotatedToken } from './rotated.ts'
import { witness } from './witness.ts'

const execFile = promisify(execFileByCallback)

interface SelfSubjectReview extends KubernetesObject {
  status?: { userInfo?: { username?: string } }
}
const reviews: Resource<SelfSubjectReview> = {
  ...defineResource<SelfSubjectReview>({
    group: 'authentication.k8s.io',
    version: 'v1',
    plural: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    namespaced: false,
  }),
  parse: value => value as SelfSubjectReview, // The one answer without a name.
}

/** The URLs of all modules that a process resolves when it loads credentials in this environment. */
async function modulesResolved(environment: Record<string, string>): Promise<string[]> {
  const { stdout } = await execFile(process.execPath, [join(import.meta.dirname, 'resolved.ts')], { env: environment })
  return z.array(z.string()).parse(JSON.parse(stdout))
}

export function credentialsBehave(server: () => ApiServer): void {
  describe('credentials', () => {
    test('a kubeconfig with a token, by argument and by environment', async () => {
      const kubeconfig = await server().kubeconfig({ token: server().token })
      for (const options of [{ kubeconfig, environment: {} }, { environment: { KUBECONFIG: kubeconfig } }]) {
        const credentials = await loadCredentials(options)
        expect(credentials.namespace).toBe('default')
        expect((await clientOf(credentials).list(namespaces)).items).not.toHaveLength(0)
      }
    })

    test('an exec plugin is asked again when the server refuses its token', async () => {
      const answer = join(server().directory, 'exec-answer.json')
      const plugin = join(server().directory, 'plugin.sh')
      const say = (token: string) =>
        writeFile(
          answer,
          JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } }),
        )
      await writeFile(plugin, `#!/bin/sh\nexec cat ${answer}\n`)
      await chmod(plugin, 0o755)
      await say('old')
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' }
      const client = clientOf(
        await loadCredentials({ kubeconfig: await server().kubeconfig({ exec }), environment: {} }),
      )
      await expect(client.list(namespaces)).rejects.toMatchObject({ code: 'Unauthorized' })
      await say(server().token)
      expect((await client.list(namespaces)).items).not.toHaveLength(0)
    })

    test('client-node is loaded for a kubeconfig, and in a pod no module of it is even resolved', async () => {
      const directory = join(server().directory, 'mounted')
      await mkdir(directory)
      await writeFile(join(directory, 'ca.crt'), server().ca)
      await writeFile(join(directory, 'token'), server().token)
      const inPod = { SERVICE_ACCOUNT: directory, KUBERNETES_SERVICE_HOST: '127.0.0.1' }
      const outside = { KUBECONFIG: await server().kubeconfig({ token: server().token }) }
      const [ofPod, ofKubeconfig] = await Promise.all([inPod, outside].map(modulesResolved))
      expect(ofPod?.filter(url => url.endsWith('/lib/kube/credentials.ts'))).toHaveLength(1)
      expect(ofPod?.filter(url => url.includes('client-node'))).toEqual([])
      expect(ofKubeconfig?.filter(url => url.includes('/@kubernetes/client-node/'))).not.toEqual([])
    })

    test('a pod’s token is read anew when it was rotated', async () => {
      const directory = join(server().directory, 'serviceaccount')
      await mkdir(directory)
      await writeFile(join(directory, 'ca.crt'), server().ca)
      await writeFile(join(directory, 'namespace'), 'of-the-pod\n')
      await writeFile(join(directory, 'token'), 'expired')
      const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server().port) }
      const credentials = await loadCredentials({ serviceAccountDirectory: directory, environment })
      const client = clientOf(credentials)
      expect(credentials.namespace).toBe('of-the-pod')
      await expect(client.list(namespaces)).rejects.toMatchObject({ code: 'Unauthorized' })
      await writeFile(join(directory, 'token'), `${server().token}\n`)
      expect((await client.list(namespaces)).items).not.toHaveLength(0)
    })

    test('a watch runs on through the rotation of its token, and the next one begins with the new token', async () => {
      const { relay, credentials, rotate, asked } = await rotatedToken(server(), 'first')
      const watches = () => asked.filter(({ isWatch }) => isWatch).map(({ token }) => token)
      const seen = await witness(server(), { credentials, way: relay })
      await seen.create('a')
      await seen.start()
      await until(() => watches().length === 1)
      await rotate('second')
      await seen.create('b') // Its watch began with the old token, and goes on.
      await seen.equal()
      expect(watches()).toEqual(['first'])
      relay.interject({ type: 'BOOKMARK', object: { metadata: { resourceVersion: seen.store.resourceVersion } } })
      await seen.create('c')
      await seen.equal()
      expect(watches()).toEqual(['first', 'first', 'second']) // Refused once, read anew, and asked again.
      expect(await seen.lists()).toBe(1)
      expect(seen.told()).toEqual(['Added a', 'Added b', 'Added c'])
      await seen.leavesNothing()
    })

    test('a client certificate is read anew when it was rotated: on new connections, while the old ones finish', async () => {
      const { proxy, credentials, client, present, later } = await rotatedCertificate(server(), 'before')
      const whoAmI = async () => {
        const { apiVersion, kind } = reviews
        const review = await client.create(reviews, { apiVersion, kind, metadata: { name: '' } })
        return review.status?.userInfo?.username
      }
      const seen = await witness(server(), { credentials, way: { open: () => 0 } })
      await seen.create('a')
      await seen.start()
      expect(await whoAmI()).toBe('before')
      await present('after')
      expect(await whoAmI()).toBe('before')
      later()
      expect(await whoAmI()).toBe('after')
      await seen.create('b') // Its watch began under the old certificate, and goes on.
      await seen.equal()
      proxy.cut()
      await seen.create('c')
      await seen.equal()
      expect(await seen.lists()).toBe(1)
      await seen.leavesNothing()
      await until(() => proxy.open() <= 1) // The old pool is gone.
    })

    test('other TLS material in flight costs no call', async () => {
      const { server: url, identity } = server().credentials()
      const known = await identity()
      const fresh = async () => ({ headers: known.headers, tls: { ...known.tls } })
      const client = clientOf({ server: url, namespace: undefined, identity: fresh, refresh: fresh })
      const lists = await Promise.all([1, 2, 3].map(() => client.list(namespaces)))
      expect(lists.every(list => list.items.length > 0)).toBe(true)
    })

    test('no way to the cluster is told in one sentence', async () => {
      await expect(loadCredentials({ environment: { HOME: '/nonexistent' } })).rejects.toThrow('set KUBECONFIG')
      await expect(loadCredentials({ kubeconfig: '/nonexistent', environment: {} })).rejects.toMatchObject({
        code: 'Unreadable',
      })
    })
  })
}
