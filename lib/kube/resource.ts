// What a Kubernetes object is to this runtime, and how a kind of object is declared: once, with its TypeScript type.
import { KubeError } from './errors.ts'

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  name: string
  namespace?: string | undefined
  uid?: string
  /** Opaque, but for `compareResourceVersions`. */
  resourceVersion?: string
  /** Raised by the server whenever the spec changes. */
  generation?: number
  creationTimestamp?: string
  /** Set by the server once a deletion was asked for; the object stays until its finalizers are gone. */
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  /** Dropped before an object is stored: it is half of an object's memory and no controller reads it. */
  managedFields?: ManagedFields[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ManagedFields {
  manager?: string
  operation?: string
  subresource?: string
  apiVersion?: string
  time?: string
  /** The fields, as keys such as `f:spec` within one another. */
  fieldsV1?: object
}

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** What a create may send instead of a name: the server makes one that begins so. */
export type Unnamed<T extends KubernetesObject> = Omit<T, 'metadata'> & {
  metadata: Omit<ObjectMeta, 'name'> & { name?: undefined; generateName: string }
}

/** One object of a kind that the context names. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectReference {
  namespace?: string | undefined
  name: string
}

/** A kind of object at one version, and the TypeScript type that stands for it. */
export interface Resource<T extends KubernetesObject> {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** `v1` or `group/version`. */
  readonly apiVersion: string
  /** What every object from the server goes through; throws when it is none of this kind. */
  parse(value: unknown): T
}

export interface ResourceDeclaration<T extends KubernetesObject> {
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
  /** Without one, the server's schema is believed: only the presence of `metadata.name` is checked. */
  parse?: (value: unknown) => T
}

/** Declares a kind once: `defineResource<Widget>({ group: 'example.com', version: 'v1', … })`. */
export function defineResource<T extends KubernetesObject>(declaration: ResourceDeclaration<T>): Resource<T> {
  const { group, version, plural, kind, namespaced } = declaration
  const apiVersion = group === '' ? version : `${group}/${version}`
  const parse = declaration.parse ?? ((value: unknown) => value as T) // The server has validated it by its schema.

  return {
    group,
    version,
    plural,
    kind,
    namespaced,
    apiVersion,
    parse(value) {
      if (!isNamedObject(value)) throw new TypeError(`The server sent something that is no ${kind}: it has no name.`)
      // Items of a list of a built-in kind come without these two.
      return parse(value.kind === undefined ? { apiVersion, kind, ...value } : value)
    },
  }
}

function isNamedObject(value: unknown): value is { kind?: unknown; metadata: { name: string } } {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false
  const { metadata } = value
  return typeof metadata === 'object' && metadata !== null && 'name' in metadata && typeof metadata.name === 'string'
}

type DeepPartial<T> = T extends readonly (infer Item)[]
  ? readonly DeepPartial<Item>[]
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T

/** What server-side apply sends: the fields that one manager owns, and no other. */
export type Applied<T extends KubernetesObject> = DeepPartial<Omit<T, 'apiVersion' | 'kind' | 'metadata'>> & {
  apiVersion: string
  kind: string
  metadata: Partial<ObjectMeta> & { name: string }
}

/**
 * What a merge patch sends (https://www.rfc-editor.org/rfc/rfc7396): the fields to change, and `null` for those to take
 * away. A list is replaced as a whole; what is `undefined` is not sent.
 */
export type MergePatch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: MergePatch<T[Key]> | null | undefined }
    : T

/** A merge patch that fits every kind, for who writes for all of them. */
export interface MetadataPatch {
  metadata: MergePatch<ObjectMeta>
  spec?: never
  status?: never
}

/** `namespace/name`, or `name` for a cluster-scoped object. */
export function keyOf(reference: ObjectReference): string {
  return reference.namespace === undefined ? reference.name : `${reference.namespace}/${reference.name}`
}

/** The inverse of `keyOf`. */
export function referenceOfKey(key: string): ObjectReference {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

export function referenceOf(object: { metadata: ObjectMeta }): ObjectReference {
  const { namespace, name } = object.metadata
  return namespace === undefined ? { name } : { namespace, name }
}

/** A controller's owner reference to `owner`, which must have been read from the server (it needs the UID). */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { name, uid } = owner.metadata
  if (uid === undefined) throw new TypeError(`${owner.kind} ${name} was not read from the server: it has no UID.`)
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true }
}

/**
 * `object` with `owner`, which must have been read from the server, as its controller; what other owners it has, it keeps.
 * Throws `KubeError` `AlreadyOwned` when another controls it, and `TypeError` for an owner that the garbage collector
 * would take for absent, and the object with it: one in another namespace.
 */
export function controlledBy<T extends { metadata: ObjectMeta }>(object: T, owner: KubernetesObject): T {
  const { name, namespace, ownerReferences = [] } = object.metadata
  const within = owner.metadata.namespace
  if (within !== undefined && within !== namespace) {
    const where = namespace === undefined ? 'in no namespace' : `in ${namespace}`
    throw new TypeError(`${owner.kind} ${keyOf(owner.metadata)} cannot own ${name}, which is ${where}.`)
  }
  const reference = controllerReference(owner)
  const others = ownerReferences.filter(({ uid }) => uid !== reference.uid)
  const other = others.find(({ controller }) => controller === true)
  if (other !== undefined) {
    throw new KubeError('AlreadyOwned', `${name} is controlled by ${other.kind} ${other.name} already.`)
  }
  return { ...object, metadata: { ...object.metadata, ownerReferences: [...others, reference] } }
}

/**
 * Below, at or above zero, as for sorting; `undefined` when one of them is no decimal number. Versions of one
 * resource are ordered (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
 */
export function compareResourceVersions(versions: { left: string; right: string }): number | undefined {
  const { left, right } = versions
  if (!/^\d+$/.test(left) || !/^\d+$/.test(right)) return undefined
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0)
}
