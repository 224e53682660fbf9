// The verbs of the Kubernetes API as HTTP (https://kubernetes.io/docs/reference/using-api/api-concepts/).
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  KubeClient,
  ListOptions,
  ObjectList,
  PatchOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts'
import { isKubeError, KubeError } from './errors.ts'
import type {
  Applied,
  KubernetesObject,
  MergePatch,
  MetadataPatch,
  ObjectReference,
  Resource,
  Unnamed,
} from './resource.ts'
import { errorOfStatus, isStatus } from './status.ts'
import type { Call, Transport } from './transport.ts'
import { lines } from './watch-stream.ts'

const JSON_TYPE = 'application/json'
const MERGE_PATCH = 'application/merge-patch+json'
/** The body is JSON, which is YAML: servers take `application/apply-patch+yaml` in every version. */
const APPLY_PATCH = 'application/apply-patch+yaml'

export class RestClient implements KubeClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const path = objectPath(resource, reference)
    try {
      return resource.parse(await this.#read({ method: 'GET', path, query: {}, signal: options.signal }))
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined
      throw error
    }
  }

  async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, signal, ...query } = options
    const path = collectionPath(resource, namespace)
    const answer = await this.#read({ method: 'GET', path, query, signal })
    if (!isList(answer)) throw new KubeError('Malformed', `GET ${path}: the answer is no list.`)
    const { resourceVersion, continue: next } = answer.metadata
    return {
      items: answer.items.map(item => resource.parse(item)),
      metadata: next ? { resourceVersion, continue: next } : { resourceVersion },
    }
  }

  async create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T | Unnamed<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = collectionPath(resource, namespaceOf(resource, object.metadata))
    return await this.#write(resource, { method: 'POST', path, type: JSON_TYPE, body: object }, options)
  }

  async replace<T extends KubernetesObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(resource, asRead(object).metadata)
    return await this.#write(resource, { method: 'PUT', path, type: JSON_TYPE, body: object }, options)
  }

  async replaceStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = `${objectPath(resource, asRead(object).metadata)}/status`
    return await this.#write(resource, { method: 'PUT', path, type: JSON_TYPE, body: object }, options)
  }

  async mergePatch<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    patch: NoInfer<MergePatch<T>> | MetadataPatch,
    options: PatchOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, reference) + subresourcePath(options)
    return await this.#write(resource, { method: 'PATCH', path, type: MERGE_PATCH, body: patch }, options)
  }

  async apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Applied<T>,
    options: ApplyOptions,
  ): Promise<T> {
    const path = objectPath(resource, object.metadata) + subresourcePath(options)
    const query = options.force ? { force: 'true' } : {}
    return await this.#write(resource, { method: 'PATCH', path, type: APPLY_PATCH, body: object, query }, options)
  }

  async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options: DeleteOptions = {},
  ): Promise<'Deleted' | 'Absent'> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds, dryRun, signal, permit } = options
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      gracePeriodSeconds,
      dryRun: dryRun === undefined ? undefined : [dryRun],
      preconditions: uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion },
    }
    const path = objectPath(resource, reference)
    try {
      await this.#transport.json({ method: 'DELETE', path, query: {}, body: json(JSON_TYPE, body), signal, permit })
      return 'Deleted'
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return 'Absent'
      throw error
    }
  }

  async *watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { namespace, signal, ...selection } = options
    const path = collectionPath(resource, namespace)
    const query = { ...selection, watch: 'true', allowWatchBookmarks: 'true' }
    for await (const line of lines(this.#transport.stream({ method: 'GET', path, query, signal }))) {
      yield watchEvent(resource, line, path)
    }
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }

  /** An idle connection may be cut in the very moment it is used: a read is simply asked again, once. */
  async #read(call: Call): Promise<unknown> {
    try {
      return await this.#transport.json(call)
    } catch (error) {
      if (!isKubeError(error, 'Disconnected')) throw error
      this.#transport.countRetry(call, '<error>')
      return await this.#transport.json(call)
    }
  }

  async #write<T extends KubernetesObject>(
    resource: Resource<T>,
    write: { method: Call['method']; path: string; type: string; body: object; query?: Call['query'] },
    options: WriteOptions,
  ): Promise<T> {
    const { method, path, type, body } = write
    const { signal, permit, fieldManager, fieldValidation, dryRun } = options
    const query = { ...write.query, fieldManager, fieldValidation, dryRun }
    const answer = await this.#transport.json({ method, path, query, body: json(type, body), signal, permit })
    return resource.parse(answer)
  }
}

function watchEvent<T extends KubernetesObject>(resource: Resource<T>, line: string, path: string): WatchEvent<T> {
  const event: unknown = parseLine(line, path)
  if (!isEvent(event)) throw new KubeError('Malformed', `Watching ${path}: a line is no event.`)
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: resource.parse(event.object) }
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: bookmarkVersion(event.object) }
    case 'ERROR':
      throw errorOfStatus(`Watching ${path}`, isStatus(event.object) ? event.object : {})
    default:
      throw new KubeError('Malformed', `Watching ${path}: "${event.type}" is no type of event.`)
  }
}

/** A bookmark is an object of the kind with nothing in it but its version: not even a name. */
function bookmarkVersion(object: unknown): string {
  const metadata = typeof object === 'object' && object !== null && 'metadata' in object ? object.metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('resourceVersion' in metadata)) {
    throw new KubeError('Malformed', 'A bookmark came without a resourceVersion.')
  }
  return String(metadata.resourceVersion)
}

function parseLine(line: string, path: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new KubeError('Disconnected', `Watching ${path}: the stream broke within an event.`, { cause })
  }
}

function isEvent(value: unknown): value is { type: string; object: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value && 'object' in value
}

function isList(
  value: unknown,
): value is { items: unknown[]; metadata: { resourceVersion: string; continue?: string } } {
  if (typeof value !== 'object' || value === null || !('items' in value) || !('metadata' in value)) return false
  const { items, metadata } = value
  return Array.isArray(items) && typeof metadata === 'object' && metadata !== null && 'resourceVersion' in metadata
}

function json(type: string, body: object): { type: string; text: string } {
  return { type, text: JSON.stringify(body) }
}

function collectionPath(resource: Resource<KubernetesObject>, namespace: string | undefined): string {
  const group = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const within = namespace === undefined || !resource.namespaced ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  return `${group}${within}/${resource.plural}`
}

function objectPath(resource: Resource<KubernetesObject>, reference: ObjectReference): string {
  const collection = collectionPath(resource, namespaceOf(resource, reference))
  if (reference.name === '') throw new TypeError(`A ${resource.kind} without a name was asked for.`)
  return `${collection}/${encodeURIComponent(reference.name)}`
}

/** Some built-in kinds take a PUT without a version, and overwrite whatever has happened since. */
function asRead<T extends KubernetesObject>(object: T): T {
  if (object.metadata.resourceVersion !== undefined) return object
  throw new TypeError(`${object.kind} ${object.metadata.name} has no resourceVersion: replace what was read.`)
}

function namespaceOf(
  resource: Resource<KubernetesObject>,
  reference: { namespace?: string | undefined; name?: string | undefined },
): string | undefined {
  if (resource.namespaced && !reference.namespace) {
    throw new TypeError(`${resource.kind} ${reference.name ?? ''} needs a namespace: its kind is namespaced.`)
  }
  return resource.namespaced ? reference.namespace : undefined
}

function subresourcePath(options: PatchOptions): string {
  return options.subresource === undefined ? '' : `/${options.subresource}`
}
