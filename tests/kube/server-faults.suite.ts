// What API servers say and do to a reflector. After each: the store is the server's list, whoever followed the changes
// has the same, and no connection or timer is left.
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { type ApiServer, fixed } from './api-server.ts'
import { clientOf, hasty, makeRuntime, until, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'
import { startRelay, status } from './relay.ts'
import { type WitnessOptions, witness } from './witness.ts'

export function serverFaultsAreSurvived(server: () => ApiServer): void {
  const relayed = async (options: WitnessOptions = {}) => {
    const relay = await startRelay(server())
    onTestFinished(() => relay.close())
    return { relay, seen: await witness(server(), { credentials: relay.credentials(), way: relay, ...options }) }
  }
  const isWatch = (url: URL) => url.searchParams.has('watch')

  describe('a server that fails', () => {
    test('Gone in the middle of a watch, as an ERROR event: it lists anew and tells only what changed', async () => {
      const { relay, seen } = await relayed({ runtime: hasty() })
      for (const name of ['a', 'b', 'c', 'd']) await seen.create(name)
      await seen.start()
      await seen.resize('a', 1)
      await until(() => seen.changes.length === 5)
      relay.intercept(() => ({ status: 503, body: status(503, 'ServiceUnavailable') }))
      relay.interject({ type: 'ERROR', object: status(410, 'Expired', 'too old resource version') })
      await until(async () => (await seen.restarts('ServerError').catch(() => 0)) > 0)
      await seen.resize('b', 2)
      await seen.remove('c')
      await seen.create('c')
      await seen.remove('d')
      relay.intercept()
      await seen.equal()
      expect(seen.told().slice(5).toSorted()).toEqual(['Added c', 'Deleted c', 'Deleted d', 'Modified b'])
      expect(await seen.restarts('Gone')).toBe(1)
      await seen.leavesNothing()
    })

    test('Gone as the answer to a watch: the same', async () => {
      const { relay, seen } = await relayed({ runtime: hasty() })
      await seen.create('a')
      await seen.start()
      let isOld = true
      relay.intercept(({ url }) => {
        if (!isOld || !isWatch(url)) return undefined
        isOld = false
        return { status: 410, body: status(410, 'Gone') }
      })
      relay.interject({ type: 'BOOKMARK', object: { metadata: { resourceVersion: seen.store.resourceVersion } } })
      await seen.create('b')
      await seen.equal()
      expect(await seen.restarts('Gone')).toBe(1)
      expect(await seen.lists()).toBe(2)
      await seen.leavesNothing()
    })

    test('a list whose pages expire half way is read at once', async () => {
      const { relay, seen } = await relayed({ pageSize: 2 })
      for (const name of ['a', 'b', 'c', 'd', 'e']) await seen.create(name)
      let expired = 0
      relay.intercept(async ({ url }) => {
        const token = url.searchParams.get('continue')
        if (token === null || expired > 0) return undefined
        expired += 1
        await seen.create('f')
        await seen.remove('a')
        await server().compact()
        return undefined // The server itself says that it is too old.
      })
      await seen.start()
      await seen.equal()
      expect(expired).toBe(1)
      expect(relay.requests.filter(request => !request.includes('watch='))).toEqual([
        expect.stringContaining('limit=2'),
        expect.stringContaining('continue='),
        expect.not.stringContaining('limit='),
      ])
      await seen.leavesNothing()
    })

    test('429: it waits for as long as Retry-After says, and not for its backoff', async () => {
      const slept: number[] = []
      const { relay, seen } = await relayed({ runtime: recorded(slept) })
      await seen.create('a')
      const answer = { status: 429, headers: { 'retry-after': '7' }, body: status(429, 'TooManyRequests') }
      let refusals = 0
      relay.intercept(() => (++refusals <= 3 ? answer : undefined))
      await seen.start()
      await seen.equal()
      expect(slept.filter(milliseconds => milliseconds === 7000)).toHaveLength(3)
      await seen.leavesNothing()
    })

    test('429 of the server itself, by its priority and fairness: told by its code, and waited out', async () => {
      const admin = clientOf(server().credentials())
      const url = `https://127.0.0.1:${server().port}`
      const credentials = fixed({ server: url, ca: server().ca, token: 'limited' })
      await letIn(admin)
      await starve(admin)
      const limited = clientOf(credentials)
      const crowd = () => Promise.allSettled(Array.from({ length: 30 }, () => limited.list(widgets)))
      const refused = await until(async () => (await crowd()).find(({ status }) => status === 'rejected'))
      const reason = { code: 'TooManyRequests', status: 429, retryAfterSeconds: expect.any(Number) }
      expect(refused).toMatchObject({ reason })

      const seen = await witness(server(), { credentials })
      await seen.create('a')
      const isHindered = async () => (await seen.restarts('TooManyRequests').catch(() => 0)) > 0
      const crowding = until(async () => (await crowd()) && (seen.seen.isSynced() || (await isHindered())))
      await Promise.all([seen.start(), crowding])
      await seen.create('b')
      await seen.equal()
      await admin.delete(flowSchemas, { name: 'starved' })
      await seen.leavesNothing()
    })

    test('a burst of 5xx, in the server’s words, a balancer’s, and none: each is tried again', async () => {
      const { relay, seen } = await relayed({ runtime: recorded([]) })
      await seen.create('a')
      const burst = [
        { status: 500, body: status(500, 'InternalError') },
        { status: 502, body: '<html>Bad Gateway</html>' },
        { status: 503, body: status(503, 'ServiceUnavailable') },
        { status: 504, body: status(504, 'Timeout') },
        { status: 200, body: '<html>Welcome</html>' },
      ]
      let left = [...burst]
      relay.intercept(() => left.shift())
      await seen.start()
      left = [...burst.slice(0, 4), { status: 200, body: '{"type":"ADDED","object":{"metadata"' }]
      relay.interject({ type: 'ERROR', object: status(500, 'InternalError', 'etcd leader changed') })
      await seen.resize('a', 1)
      await seen.create('b')
      await seen.equal()
      expect(left).toEqual([])
      expect(await seen.lists()).toBe(6) // One for each of the burst, and none for a watch that failed.
      await until(() => seen.seen.lastError() === undefined)
      await seen.leavesNothing()
    })

    test('an hour of nothing but bookmarks (in seconds here) keeps its place: no list, and nothing is told', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const credentials = server().credentials({ port: proxy.port })
      const seen = await witness(server(), { credentials, way: proxy, watchSeconds: { minimum: 3, maximum: 3 } })
      await seen.create('a')
      await seen.start()
      const other = await witness(server())
      const written = await other.create('elsewhere') // Moves the kind's version on, and nothing that is watched.
      let size = 0
      await until(async () => {
        // Again, for no bookmark tells of what was written before its watch began: the server thinks that it was sent.
        await other.resize('elsewhere', ++size)
        return Number(seen.store.resourceVersion) >= Number(written.metadata.resourceVersion)
      })
      await until(async () => (await seen.restarts('Ended').catch(() => 0)) >= 2)
      expect(seen.told()).toEqual(['Added a'])
      await seen.create('b')
      await seen.equal() // By the watch after.
      expect(await seen.lists()).toBe(1)
      expect(seen.seen.lastError()).toBeUndefined()
      expect(proxy.connections()).toBeLessThanOrEqual(3) // The list's, and two that the watches take in turns.
      await seen.leavesNothing()
    })

    test('stopped and started, its history compacted away meanwhile: caught up by a list, re-created objects told apart', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const credentials = server().credentials({ port: proxy.port })
      const runtime = { ...makeRuntime(), random: () => 0.1 } // Short pauses between attempts.
      const seen = await witness(server(), { credentials, way: proxy, runtime })
      const steady = await witness(server(), { runtime: { ...makeRuntime(), random: runtime.random } })
      for (const name of ['a', 'b', 'c']) await seen.create(name)
      await Promise.all([seen.start(), steady.start()])
      const before = seen.get('b')?.metadata.uid
      proxy.become('Refuse')
      await seen.resize('a', 5)
      await seen.remove('b')
      await seen.create('b')
      await seen.remove('c')
      await seen.create('d')
      await server().compact()
      await server().pause()
      await server().start()
      proxy.become('Open')
      await Promise.all([seen.equal(), steady.equal()])
      expect(seen.told().slice(3).toSorted()).toEqual(['Added b', 'Added d', 'Deleted b', 'Deleted c', 'Modified a'])
      expect(seen.get('b')?.metadata.uid).not.toBe(before)
      expect(await seen.restarts('Gone')).toBe(1) // Of the server's own.
      await steady.create('after')
      await steady.equal()
      await seen.leavesNothing()
      await steady.leavesNothing()
    })
  })
}

/** Sleeps a hundredth, and keeps how long it was asked to. */
function recorded(slept: number[]): Runtime {
  const runtime = makeRuntime()
  const sleep = async (milliseconds: number, signal?: AbortSignal) => {
    slept.push(milliseconds)
    await runtime.clock.sleep(milliseconds > 60_000 ? milliseconds : milliseconds / 100, signal)
  }
  return { ...runtime, clock: { ...runtime.clock, sleep } }
}

interface Specified extends KubernetesObject {
  spec?: object
  rules?: object[]
  subjects?: object[]
  roleRef?: object
}
const flow = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', namespaced: false }
const flowSchemas = defineResource<Specified>({ ...flow, plural: 'flowschemas', kind: 'FlowSchema' })
const levels = defineResource<Specified>({
  ...flow,
  plural: 'prioritylevelconfigurations',
  kind: 'PriorityLevelConfiguration',
})
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: false }
const bindings = defineResource<Specified>({ ...rbac, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' })
const LIMITED = { kind: 'User', name: 'limited', apiGroup: rbac.group }

type Client = ReturnType<typeof clientOf>

/** The user of the token "limited" may do everything. */
async function letIn(admin: Client): Promise<void> {
  const roleRef = { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: rbac.group }
  const { apiVersion, kind } = bindings
  await admin.create(bindings, { apiVersion, kind, metadata: { name: 'limited' }, subjects: [LIMITED], roleRef })
}

/** The user of the token "limited" gets one request at a time, and 429 for the others: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/ */
async function starve(admin: Client): Promise<void> {
  const limited = {
    nominalConcurrencyShares: 0,
    lendablePercent: 0,
    borrowingLimitPercent: 0,
    limitResponse: { type: 'Reject' },
  }
  await admin.create(levels, {
    apiVersion: levels.apiVersion,
    kind: levels.kind,
    metadata: { name: 'nothing' },
    spec: { type: 'Limited', limited },
  })
  const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }]
  await admin.create(flowSchemas, {
    apiVersion: flowSchemas.apiVersion,
    kind: flowSchemas.kind,
    metadata: { name: 'starved' },
    spec: {
      matchingPrecedence: 2,
      priorityLevelConfiguration: { name: 'nothing' },
      rules: [{ subjects: [{ kind: 'User', user: { name: 'limited' } }], resourceRules }],
    },
  })
}
