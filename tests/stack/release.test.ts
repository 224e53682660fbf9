// A program of a rendered Deployment runs here with what a kubelet would give it, and nothing else.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type Cluster, startCluster } from '../../demo/cluster/cluster.ts'
import { findTools } from '../../demo/cluster/tools.ts'
import { command } from '../../demo/stack/commands.ts'
import type { Pod } from '../../demo/stack/pod.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { installRelease, type Release } from '../../demo/stack/release.ts'
import { processesIn } from './left-behind.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasd-release-'))
const NAMESPACE = 'probing'
let cluster: Cluster
let release: Release
let port: number
let first: Pod
let second: Pod

beforeAll(async () => {
  const tools = await findTools()
  cluster = await startCluster({ folder: join(folder, 'cluster'), controllerManager: false })
  port = await freePort()
  release = await installRelease({
    helm: tools.helm,
    chart: join(import.meta.dirname, 'probe', 'chart'),
    release: 'probe',
    namespace: NAMESPACE,
    values: { port },
    cluster,
    kubectl: async (args, input) =>
      await command({
        file: tools.kubectl,
        args,
        input,
        environment: { KUBECONFIG: cluster.kubeconfig, HOME: folder },
      }),
    folder,
    restart: { firstSeconds: 0.1, maximumSeconds: 1 },
  })
  await release.start()
  const [one, other] = release.pods('probe')
  if (!one || !other) throw new Error('Two replicas were rendered.')
  first = one
  second = other
})

afterAll(async () => {
  await release?.stop()
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const seen = z.object({
  environment: z.record(z.string(), z.string()),
  wasInitialised: z.boolean(),
  greeting: z.string(),
  namespace: z.string(),
  token: z.string(),
  otherToken: z.string(),
  permitted: z.number(),
  forbidden: z.number(),
})

async function seenBy(pod: Pod) {
  const reply = await fetch(`${pod.url('http')}/seen`)
  return seen.parse(await reply.json())
}

test('it gets its variables from values, ConfigMap, Secret and its own fields', async () => {
  const { environment } = await seenBy(first)
  expect(environment).toMatchObject({ WORD: 'plain', PASSWORD: 'p@ss', POD_NAME: 'probe-0', HTTP_PORT: String(port) })
  expect(environment).not.toHaveProperty('ABSENT')
})

test('it gets nothing of our own environment but the PATH', async () => {
  const { environment } = await seenBy(first)
  const kubelet = [
    'PATH',
    'HOME',
    'HOSTNAME',
    'KUBERNETES_SERVICE_HOST',
    'KUBERNETES_SERVICE_PORT',
    'KUBERNETES_SERVICE_PORT_HTTPS',
  ]
  const rendered = [
    'HTTP_PORT',
    'SAME_NUMBER',
    'WORD',
    'PASSWORD',
    'POD_NAME',
    'GREETING_FILE',
    'NOT_MOUNTED',
    'TOKEN_FILE',
    'OTHER_TOKEN_FILE',
  ]
  expect(Object.keys(environment).sort()).toEqual([...kubelet, ...rendered].sort())
})

test('only paths that are mounted are moved', async () => {
  const { environment, greeting } = await seenBy(first)
  expect(environment.GREETING_FILE).toBe(join(folder, 'pods', 'probe-0', 'root', 'etc/probe/greeting.txt'))
  expect(environment.NOT_MOUNTED).toBe('/etc/probes')
  expect(greeting).toBe('good evening')
})

test('its init container ran before it, in the same volume', async () => {
  expect((await seenBy(first)).wasInitialised).toBe(true)
})

test('it may do what its Role says and no more', async () => {
  const { permitted, forbidden, namespace } = await seenBy(first)
  expect({ permitted, forbidden, namespace }).toEqual({ permitted: 200, forbidden: 403, namespace: NAMESPACE })
})

test('its tokens are its service account, each for its own audience', async () => {
  const { token, otherToken } = await seenBy(first)
  expect(decodeJwt(token)).toMatchObject({ sub: `system:serviceaccount:${NAMESPACE}:probe` })
  expect(decodeJwt(otherToken)).toMatchObject({ aud: ['api://elsewhere'] })
})

test('a second replica has ports and a name of its own, and only variables of ports are changed', async () => {
  const { environment } = await seenBy(second)
  expect(second.url('http')).toBe(`http://127.0.0.1:${environment.HTTP_PORT}`)
  expect(second.url('http')).not.toBe(first.url('http'))
  expect(environment).toMatchObject({ POD_NAME: 'probe-1', SAME_NUMBER: String(port) })
})

test('a changed ConfigMap reaches the files of a running program', async () => {
  const pid = first.pid()
  await cluster.api.call('PUT', `/api/v1/namespaces/${NAMESPACE}/configmaps/probe`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'probe' },
    data: { 'greeting.txt': 'good night', word: 'other' },
  })
  await expect.poll(async () => (await seenBy(first)).greeting, { timeout: 20_000 }).toBe('good night')
  expect(first.pid()).toBe(pid)
})

test('a killed program is started again, a stopped one stays stopped', async () => {
  const pid = second.pid()
  second.kill('SIGKILL')
  await expect.poll(() => second.restarts(), { timeout: 20_000 }).toBe(1)
  await second.untilReady()
  expect(second.pid()).not.toBe(pid)

  await second.stop()
  expect(second.isRunning()).toBe(false)
  await second.start()
  expect(await second.isReady()).toBe(true)
})

test('after stop() no program is left', async () => {
  await release.stop()
  expect(processesIn(join(folder, 'pods'))).toEqual([])
  expect(first.isRunning() || second.isRunning()).toBe(false)
})
