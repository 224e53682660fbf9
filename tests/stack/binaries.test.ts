// Where the cluster's servers come from, and what a person is told where they cannot be had.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBinaries } from '../../demo/cluster/binaries.ts'
import { downloadEnvtest, ENVTEST_VERSION } from '../../demo/cluster/envtest.ts'
import { withLock } from '../../demo/cluster/lock.ts'
import { findTools } from '../../demo/cluster/tools.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasd-binaries-'))
const served = new Map<string, Buffer | string>()
let site: Server
let url = ''

beforeAll(async () => {
  site = createServer((request, reply) => {
    const body = served.get(request.url ?? '')
    reply.writeHead(body === undefined ? 404 : 200).end(body)
  })
  await new Promise<void>(listening => site.listen(0, '127.0.0.1', listening))
  const address = site.address()
  url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
})
afterAll(() => {
  site.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Puts an archive with these programs, and an index that promises `hash` or what is right, on the site. */
function publish(programs: string[], hash?: string): void {
  const inside = join(folder, 'source', 'controller-tools', 'envtest')
  rmSync(join(folder, 'source'), { recursive: true, force: true })
  mkdirSync(inside, { recursive: true })
  for (const name of programs) {
    writeFileSync(join(inside, name), `#!/bin/sh\necho ${name}\n`)
    chmodSync(join(inside, name), 0o755)
  }
  execFileSync('tar', ['-czf', join(folder, 'archive'), '-C', join(folder, 'source'), 'controller-tools'])
  const archive = readFileSync(join(folder, 'archive'))
  const name = `envtest-${ENVTEST_VERSION}-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}.tar.gz`
  const entry = { hash: hash ?? createHash('sha512').update(archive).digest('hex'), selfLink: `${url}/archive` }
  served.set('/archive', archive)
  served.set('/index', JSON.stringify({ releases: { [ENVTEST_VERSION]: { [name]: entry } } }))
}

const download = async (to: string, index = `${url}/index`) =>
  await downloadEnvtest({ folder: join(folder, to), progress: () => {}, index })

test('the envtest download puts both servers in place, executable', async () => {
  publish(['etcd', 'kube-apiserver', 'kubectl'])
  await download('good')
  expect(execFileSync(join(folder, 'good', 'kube-apiserver'), { encoding: 'utf8' })).toBe('kube-apiserver\n')
  expect(readdirSync(join(folder, 'good')).sort()).toEqual(['etcd', 'kube-apiserver'])
})

test.each([
  ['an archive that is not what the index promises', ['etcd', 'kube-apiserver'], '00', /not what its index promises/],
  ['an archive without an API server', ['etcd'], undefined, /holds no kube-apiserver/],
])('%s is refused, and nothing is left of it', async (_, programs, hash, words) => {
  publish(programs, hash)
  await expect(download('bad')).rejects.toThrow(words)
  expect(readdirSync(folder).filter(name => name.startsWith('bad'))).toEqual([])
})

test('a missing index is told by its address', async () => {
  await expect(download('bad', `${url}/nowhere`)).rejects.toThrow(`${url}/nowhere was answered by 404.`)
})

test('KUBEBUILDER_ASSETS comes first, and has no controller manager', async () => {
  publish(['etcd', 'kube-apiserver'])
  const assets = join(folder, 'source', 'controller-tools', 'envtest')
  expect(await findBinaries({ environment: { KUBEBUILDER_ASSETS: assets } })).toEqual({
    etcd: join(assets, 'etcd'),
    kubeApiserver: join(assets, 'kube-apiserver'),
    kubeControllerManager: undefined,
  })
})

test('a KUBEBUILDER_ASSETS without the servers is refused by name', async () => {
  const environment = { KUBEBUILDER_ASSETS: join(folder, 'empty') }
  await expect(findBinaries({ environment })).rejects.toThrow(/KUBEBUILDER_ASSETS is .*empty, which does not hold both/)
})

test('helm and kubectl are there and can be run', async () => {
  const { helm, kubectl } = await findTools()
  expect(execFileSync(helm, ['version', '--short'], { encoding: 'utf8' })).toMatch(/^v\d+\.\d+/)
  expect(execFileSync(kubectl, ['version', '--client'], { encoding: 'utf8' })).toContain('Client Version: v1.')
})

test('one holder of a lock at a time, and a dead one does not keep it', async () => {
  const file = join(folder, 'lock')
  writeFileSync(file, '999999999') // No process has such a number.
  let inside = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++inside)
    await new Promise(resolve => setImmediate(resolve))
    inside -= 1
  }
  await Promise.all([withLock({ file }, work), withLock({ file }, work), withLock({ file }, work)])
  expect(most).toBe(1)
  expect(readdirSync(folder)).not.toContain('lock')
})
