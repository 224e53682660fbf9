// A pod's volumes as folders of files, kept current as a kubelet keeps them: ConfigMaps and Secrets follow the cluster,
// tokens are renewed before they expire.
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AdminApi } from '../cluster/admin-api.ts'
import { fieldOf, keysOf, type PodIdentity, requestToken } from './pod-identity.ts'
import type { Volume, VolumeSource } from './pod-template.ts'

/** The kubelet renews a token when a fifth of its life is left. */
const RENEWED_AT = 0.8

export interface PodVolume {
  readonly name: string
  /** Looks at the cluster again, and rewrites the files when something has changed. Throws when a source is missing. */
  refresh(now: Date): Promise<void>
}

export function podVolume(options: { volume: Volume; folder: string; pod: PodIdentity; api: AdminApi }): PodVolume {
  const { volume, folder, pod, api } = options
  const sources = sourcesOf(volume)
  const tokens = new Map<VolumeSource, { token: string; renewAt: Date }>()
  let written: string | undefined

  async function tokenOf(source: VolumeSource, now: Date): Promise<string> {
    const wish = source.serviceAccountToken
    if (!wish) return ''
    const known = tokens.get(source)
    if (known && now < known.renewAt) return known.token
    const { audience, expirationSeconds } = wish
    const { token, expiresAt } = await requestToken(api, pod, { audience, expirationSeconds })
    const lifeMilliseconds = expiresAt.getTime() - now.getTime()
    tokens.set(source, { token, renewAt: new Date(now.getTime() + lifeMilliseconds * RENEWED_AT) })
    return token
  }

  async function filesOf(source: VolumeSource, now: Date): Promise<[string, Buffer][]> {
    if (source.serviceAccountToken) {
      return [[source.serviceAccountToken.path, Buffer.from(await tokenOf(source, now))]]
    }
    if (source.downwardAPI) {
      return source.downwardAPI.items.map(({ path, fieldRef }) => [path, Buffer.from(fieldOf(pod, fieldRef.fieldPath))])
    }
    const kind = source.configMap ? ('configmaps' as const) : ('secrets' as const)
    const named = source.configMap ?? source.secret
    if (!named) throw new Error(`Volume ${volume.name} has a source that is not known here.`)
    const keys = await keysOf(api, { kind, namespace: pod.namespace, name: named.name })
    if (!keys) {
      if (named.optional) return []
      throw new Error(`Volume ${volume.name} of ${pod.name} needs ${kind}/${named.name}, which is not there.`)
    }
    if (!named.items) return [...keys]
    return named.items.map(({ key, path }) => {
      const value = keys.get(key)
      if (!value) throw new Error(`Volume ${volume.name} of ${pod.name} needs ${kind}/${named.name} to hold ${key}.`)
      return [path, value]
    })
  }

  return {
    name: volume.name,
    async refresh(now) {
      mkdirSync(folder, { recursive: true })
      if (volume.emptyDir) return
      const files = (await Promise.all(sources.map(source => filesOf(source, now)))).flat()
      const fingerprint = JSON.stringify(files.map(([path, content]) => [path, content.toString('base64')]))
      if (fingerprint === written) return
      swap(folder, files)
      written = fingerprint
    },
  }
}

function sourcesOf(volume: Volume): VolumeSource[] {
  if (volume.projected) return volume.projected.sources
  if (volume.configMap) {
    const { defaultMode: _, ...configMap } = volume.configMap
    return [{ configMap }]
  }
  if (volume.secret) {
    const { secretName, items, optional } = volume.secret
    return [{ secret: { name: secretName, items, optional } }]
  }
  if (volume.downwardAPI) return [{ downwardAPI: { items: volume.downwardAPI.items } }]
  return []
}

/**
 * All files change at one instant, as with a kubelet: they are links through `..data`, which is a link to the newest
 * folder. https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter
 */
export function swap(folder: string, files: [string, Buffer][]): void {
  const data = join(folder, '..data')
  const before = linkTarget(data)
  const next = `..${crypto.randomUUID()}`
  mkdirSync(join(folder, next))
  for (const [path, content] of files) {
    const file = join(folder, next, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content, { mode: 0o600 })
  }
  symlinkSync(next, `${data}_next`)
  renameSync(`${data}_next`, data)

  const wanted = new Set(files.map(([path]) => path.split('/')[0] ?? path))
  const seen = readdirSync(folder).filter(name => !name.startsWith('..'))
  for (const name of wanted) if (!seen.includes(name)) symlinkSync(join('..data', name), join(folder, name))
  for (const name of seen) if (!wanted.has(name)) rmSync(join(folder, name))
  if (before !== undefined) rmSync(join(folder, before), { recursive: true })
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // The first time.
  }
}
