// Credentials in files that are written anew while a client lives: a certificate that a kubeconfig names, a pod's token.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { systemClock } from '../../lib/process/clock.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf } from './fixtures.ts'
import { startProxy } from './proxy.ts'
import { startRelay, status } from './relay.ts'

/** Files are read every 30 s at most. */
const READ_MILLISECONDS = 31_000

/** By way of a proxy of its own. */
export async function rotatedCertificate(server: ApiServer, first: string) {
  const proxy = await startProxy(server.port)
  onTestFinished(() => proxy.close())
  const directory = await mkdtemp(join(server.directory, 'rotated-'))
  const [certificate, key] = [join(directory, 'client.crt'), join(directory, 'client.key')]
  const issued = new Map<string, Awaited<ReturnType<typeof server.clients.client>>>()
  /** Writes the certificate of this user, and the same one each time. */
  async function present(user: string): Promise<void> {
    const pair = issued.get(user) ?? (await server.clients.client(user, ['system:masters']))
    issued.set(user, pair)
    await writeFile(certificate, pair.certificate)
    await writeFile(key, pair.key)
  }
  await present(first)
  const kubeconfig = await server.kubeconfig({ 'client-certificate': certificate, 'client-key': key }, proxy.port)
  let elapsed = 0
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + elapsed }
  const credentials = await loadCredentials({ kubeconfig, environment: {}, clock })
  return {
    proxy,
    credentials,
    client: clientOf(credentials),
    present,
    /** From now on the files are read again. */
    later() {
      elapsed += READ_MILLISECONDS
    },
  }
}

/** By way of a relay of its own, which refuses every token but the newest. */
export async function rotatedToken(server: ApiServer, first: string) {
  const relay = await startRelay(server)
  onTestFinished(() => relay.close())
  const directory = await mkdtemp(join(server.directory, 'rotated-'))
  await writeFile(join(directory, 'ca.crt'), server.ca)
  let valid = first
  const rotate = async (token: string) => {
    await writeFile(join(directory, 'token'), token)
    valid = token
  }
  await rotate(first)
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1' }
  const known = await loadCredentials({ serviceAccountDirectory: directory, environment })
  const asked: Asked[] = []
  relay.intercept(({ url, token }) => {
    const isRefused = token !== valid
    asked.push({ token, isWatch: url.searchParams.has('watch'), isRefused })
    return isRefused ? { status: 401, body: status(401, 'Unauthorized') } : undefined
  })
  return { relay, credentials: { ...known, server: relay.url }, rotate, asked }
}

interface Asked {
  token: string | undefined
  isWatch: boolean
  isRefused: boolean
}
