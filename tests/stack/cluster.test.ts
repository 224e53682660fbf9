// The control plane that everything else is tried on: it comes in seconds, is real, and leaves nothing behind.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../demo/cluster/cluster.ts'
import { findTools } from '../../demo/cluster/tools.ts'
import { command } from '../../demo/stack/commands.ts'
import { processesIn } from './left-behind.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasd-cluster-'))
let one: Cluster
let two: Cluster

beforeAll(async () => {
  const starting = [
    startCluster({ folder: join(folder, 'one'), controllerManager: true }),
    startCluster({ folder: join(folder, 'two'), controllerManager: false }),
  ] as const
  await Promise.allSettled(starting)
  ;[one, two] = await Promise.all(starting)
})

afterAll(async () => {
  await Promise.all([one?.stop(), two?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const configMaps = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })

test('two clusters at once are two clusters', async () => {
  await one.api.call('POST', configMaps, configMap('only-in-one'))
  expect(await two.api.call('GET', `${configMaps}/only-in-one`)).toBeUndefined()
  expect(one.port).not.toBe(two.port)
})

test('kubectl works with its kubeconfig', async () => {
  const { kubectl } = await findTools()
  const environment = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: two.kubeconfig }
  const { code, stdout } = await command({ file: kubectl, args: ['auth', 'whoami', '-o', 'json'], environment })
  expect(code).toBe(0)
  expect(JSON.parse(stdout).status.userInfo).toMatchObject({
    username: 'admin',
    groups: ['system:masters', 'system:authenticated'],
  })
})

test.each(['one', 'two'])('a namespace of cluster %s has a service account and the CA', async which => {
  const cluster = which === 'one' ? one : two
  await cluster.createNamespace('play')
  await cluster.createNamespace('play')
  expect(await cluster.api.call('GET', '/api/v1/namespaces/play/serviceaccounts/default')).toBeDefined()
  expect(await cluster.api.call('GET', '/api/v1/namespaces/play/configmaps/kube-root-ca.crt')).toMatchObject({
    data: { 'ca.crt': cluster.ca },
  })
})

test('the controller manager collects what a deleted owner leaves', async () => {
  expect(one.hasControllerManager).toBe(true)
  const owner = await one.api.call('POST', configMaps, configMap('owner'))
  expect(owner).toMatchObject({ metadata: { name: 'owner' } })
  const { uid } = (owner as { metadata: { uid: string } }).metadata // The API server gives every object one.
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }]
  await one.api.call('POST', configMaps, { ...configMap('owned'), metadata: { name: 'owned', ownerReferences } })
  await one.api.call('DELETE', `${configMaps}/owner`)
  await expect.poll(() => one.api.call('GET', `${configMaps}/owned`), { timeout: 30_000 }).toBeUndefined()
})

test('a crash of etcd and a restart of the API server lose nothing', async () => {
  await two.api.call('POST', configMaps, configMap('kept'))
  two.etcd.kill('SIGKILL')
  await two.etcd.ended()
  await two.apiServer.stop()
  expect(two.apiServer.isRunning()).toBe(false)
  await two.etcd.start()
  await two.apiServer.start()
  expect(await two.api.call('GET', `${configMaps}/kept`)).toMatchObject({ metadata: { name: 'kept' } })
})

test('the audit log tells who wrote what, as soon as the answer is there', async () => {
  await two.api.call('POST', configMaps, configMap('audited'))
  const events = readFileSync(two.auditLog, 'utf8').trimEnd().split('\n')
  const found = events.map(line => JSON.parse(line)).find(({ objectRef }) => objectRef?.name === 'audited')
  expect(found).toMatchObject({ verb: 'create', user: { username: 'admin' }, responseStatus: { code: 201 } })
  expect(found.requestObject).toBeUndefined() // No bodies: there may be secrets in them.
})

test('after stop() no process is left', async () => {
  const cluster = await startCluster({ folder: join(folder, 'brief'), controllerManager: false })
  expect(processesIn(join(folder, 'brief')).length).toBeGreaterThan(0)
  await cluster.stop()
  expect(processesIn(join(folder, 'brief'))).toEqual([])
})

test('when its owner is killed by SIGKILL, no process is left', async () => {
  const place = join(folder, 'orphan')
  const program = `
    import { startCluster } from '${new URL('../../demo/cluster/cluster.ts', import.meta.url).href}'
    await startCluster({ folder: '${place}', controllerManager: false })
    console.log('ready')`
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => owner.stdout.once('data', resolve))
  const theirs = () => processesIn(place).filter(line => !line.includes('--eval'))
  expect(theirs().length).toBeGreaterThan(0)
  owner.kill('SIGKILL')
  await expect.poll(theirs, { timeout: 10_000 }).toEqual([])
})
