// Files and plugins that fail for a while, as they do in the middle of a rotation.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadCredentials } from './credentials.ts'
import { handClock } from './hand-clock.ts'

const cluster = { clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443' } }] }
const context = { contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'ours' } }] }

async function setUp() {
  const directory = await mkdtemp(join(tmpdir(), 'credentials-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  /** Writes a file and names its path. */
  const file = async (name: string, content: string | object) => {
    const path = join(directory, name)
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const config = (name: string, parts: object) => file(name, { apiVersion: 'v1', kind: 'Config', ...parts })
  return { directory, file, config, clock: handClock() }
}

test('a pod whose token file is gone goes on with the last token, and takes the new one when it is there', async () => {
  const { directory, file, clock } = await setUp()
  await file('ca.crt', 'ca')
  const token = await file('token', 'first')
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1' }
  const credentials = await loadCredentials({ serviceAccountDirectory: directory, environment, clock })
  const first = await credentials.identity()
  expect(first.headers).toEqual({ authorization: 'Bearer first' })

  await rm(token)
  await clock.advance(31)
  expect(await credentials.identity()).toBe(first)
  expect(await credentials.refresh()).toBe(first)

  await file('token', 'second')
  expect(await credentials.identity()).toBe(first) // Files are read every 30 s at most.
  await clock.advance(31)
  const second = await credentials.identity()
  expect(second.headers).toEqual({ authorization: 'Bearer second' })
  expect(second.tls).toBe(first.tls) // No connection is made anew for a token.
})

test('an exec plugin that fails leaves the last token standing, and is heard again when it answers', async () => {
  const { file, config, clock } = await setUp()
  const apiVersion = 'client.authentication.k8s.io/v1'
  const plugin = await file('plugin.sh', '')
  const say = async (script: string) => {
    await writeFile(plugin, `#!/bin/sh\n${script}\n`)
    await chmod(plugin, 0o755)
  }
  const answer = (token: string) =>
    say(`echo '${JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token } })}'`)
  await answer('first')
  const user = { exec: { apiVersion, command: plugin, interactiveMode: 'Never' } }
  const kubeconfig = await config('config', {
    'current-context': 'x',
    ...cluster,
    ...context,
    users: [{ name: 'u', user }],
  })
  const credentials = await loadCredentials({ kubeconfig, environment: {}, clock })
  const first = await credentials.identity()
  expect(first.headers).toMatchObject({ authorization: 'Bearer first' })

  await say('echo "the vault is sealed" >&2; exit 1')
  expect(await credentials.refresh()).toBe(first)
  await clock.advance(31)
  expect(await credentials.identity()).toBe(first)

  await answer('second')
  expect((await credentials.refresh()).headers).toMatchObject({ authorization: 'Bearer second' })
})

test('a plugin or a token file that fails at the start stops the program: nothing is known yet', async () => {
  const { directory, file, config } = await setUp()
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/false', interactiveMode: 'Never' }
  const users = [{ name: 'u', user: { exec } }]
  const kubeconfig = await config('config', { 'current-context': 'x', ...cluster, ...context, users })
  await expect(loadCredentials({ kubeconfig, environment: {} })).rejects.toMatchObject({ code: 'Unreadable' })
  await file('ca.crt', 'ca')
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1' }
  const missing = loadCredentials({ serviceAccountDirectory: directory, environment })
  await expect(missing).rejects.toMatchObject({ code: 'Unreadable' })
})

test('KUBECONFIG may name several files: each adds what those before it lack, the first word stands, an absent one is passed over', async () => {
  const { directory, config } = await setUp()
  const elsewhere = { clusters: [{ name: 'c', cluster: { server: 'https://elsewhere:6443' } }] }
  const a = await config('a', { ...cluster, ...context })
  const b = await config('b', { ...elsewhere, 'current-context': 'x', users: [{ name: 'u', user: { token: 'of-b' } }] })
  const c = await config('c', { 'current-context': 'y', users: [{ name: 'u', user: { token: 'of-c' } }] })
  const absent = join(directory, 'absent')
  const load = (...paths: string[]) => loadCredentials({ environment: { KUBECONFIG: paths.join(delimiter) } })

  const credentials = await load('', a, absent, b, c)
  expect(credentials).toMatchObject({ server: 'https://127.0.0.1:6443', namespace: 'ours' })
  expect((await credentials.identity()).headers).toEqual({ authorization: 'Bearer of-b' })
  await expect(load(absent, absent)).rejects.toMatchObject({ code: 'Unreadable' })
  await expect(load(a)).rejects.toMatchObject({ code: 'NoCluster' }) // It names no current context.
})
