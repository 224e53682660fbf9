// What this process has itself put on record, or first found there. A status is the operator's alone to write: what
// else turns up in it somebody has edited, and it is neither believed nor kept. Most of a status is derived anew from
// what is seen; what cannot be (the time billed, the incarnation) is safe from an edit by this. Across a restart the API
// server's word is all there is.
import { isDeepStrictEqual } from 'node:util'
import type { KubeClient, WriteOptions } from '../lib/kube/client.ts'
import type { Recorder } from '../lib/kube/events.ts'
import type { OwnWrites } from '../lib/kube/own-writes.ts'
import type { KubernetesObject, Resource } from '../lib/kube/resource.ts'

export interface Recorded extends KubernetesObject {
  status?: object
}

export interface StatusRecord<T extends Recorded> {
  /** The object with the status that is on record; one that somebody has edited is written again first, and told. */
  restored(object: T, options: WriteOptions): Promise<T>
  /** Writes the status of `object`, under the version that was read. */
  write(object: T, options: WriteOptions): Promise<T>
  /** Whether its status is as we wrote it, or nothing is known of it yet. */
  isOurs(object: T): boolean
  forget(uid: string): void
}

export interface RecordOptions<T extends Recorded> {
  client: KubeClient
  resource: Resource<T>
  ownWrites: OwnWrites
  recorder: Pick<Recorder, 'event'>
  /** Fields of the status that others may write. */
  others?: readonly string[]
  /** What of a status that this process sees for the first time cannot be true, put right; the same one when all can. */
  plausible?: (object: T) => T
}

export function statusRecord<T extends Recorded>(options: RecordOptions<T>): StatusRecord<T> {
  const { client, resource, ownWrites, recorder, others = [], plausible = object => object } = options
  /** By UID: the status on record, then one that may have come to be on record. */
  const known = new Map<string, object[]>()

  const ours = (status: object = {}): object => {
    if (!others.some(field => field in status)) return status
    return Object.fromEntries(Object.entries(status).filter(([field]) => !others.includes(field)))
  }

  const isOurs = ({ metadata: { uid = '' }, status }: T): boolean => {
    const now = ours(status)
    const candidates = known.get(uid)
    if (candidates === undefined) return true
    if (!candidates.some(candidate => isDeepStrictEqual(candidate, now))) return false
    known.set(uid, [now]) // The store's own copy, so that none is kept beside it.
    return true
  }

  async function write(object: T, options: WriteOptions): Promise<T> {
    const { uid = '' } = object.metadata
    // The reply may be lost, and the write is ours all the same.
    known.set(uid, [...(known.get(uid)?.slice(0, 1) ?? []), ours(object.status)])
    const written = await client.replaceStatus(resource, object, options)
    known.set(uid, [ours(written.status)])
    ownWrites.remember(resource, written)
    return written
  }

  function believed(object: T): T {
    const { uid = '' } = object.metadata
    const [kept] = known.get(uid) ?? []
    if (kept === undefined) {
      const first = plausible(object)
      if (first === object) known.set(uid, [ours(object.status)])
      return first
    }
    if (isOurs(object)) return object
    const theirs = Object.entries(object.status ?? {}).filter(([field]) => others.includes(field))
    return { ...object, status: { ...kept, ...Object.fromEntries(theirs) } }
  }

  return {
    isOurs,
    write,
    async restored(object, options) {
      const right = believed(object)
      if (right === object) return object
      const note = `Somebody edited status (${differing(right.status, object.status).join(', ')}). It is the operator's own record, and is written again as it was.`
      recorder.event(object, { type: 'Warning', reason: 'StatusEdited', action: 'Record', note })
      return await write(right, options)
    },
    forget: uid => void known.delete(uid),
  }
}

function differing(right: object | undefined, wrong: object | undefined): string[] {
  const [one, other] = [new Map(Object.entries(right ?? {})), new Map(Object.entries(wrong ?? {}))]
  return [...new Set([...one.keys(), ...other.keys()])].filter(
    field => !isDeepStrictEqual(one.get(field), other.get(field)),
  )
}
