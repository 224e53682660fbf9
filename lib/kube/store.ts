// The objects of one reflector by key, with indexes. Whoever reads shares the objects: they are never to be edited.
import { type KubernetesObject, keyOf, type ObjectReference, referenceOf } from './resource.ts'

/** The values under which an object is to be found, by the index's name. */
export type Indexes<T, Name extends string = string> = Record<Name, (object: T) => readonly string[]>

/** `Name`: the indexes that it has. */
export interface Store<T extends KubernetesObject, Name extends string = never> {
  get(key: ObjectReference | string): T | undefined
  list(): T[]
  /** A property, so that a store does not pass for one with other indexes. Throws when there is none of that name. */
  readonly byIndex: (name: Name, value: string) => T[]
  readonly size: number
  /** The newest resourceVersion that the server has told us of; nothing older is missing from the store. */
  readonly resourceVersion: string | undefined
}

/** The writing side; a reflector's alone. */
export class IndexedStore<T extends KubernetesObject, Name extends string = never> implements Store<T, Name> {
  readonly #objects = new Map<string, T>()
  readonly #indexes: ReadonlyMap<string, Index<T>>
  readonly #freeze: boolean
  #resourceVersion: string | undefined

  constructor(options: { indexes?: Indexes<T, Name> | undefined; freeze?: boolean | undefined } = {}) {
    this.#indexes = new Map(
      Object.entries<(object: T) => readonly string[]>(options.indexes ?? {}).map(([name, values]) => [
        name,
        new Index(values),
      ]),
    )
    this.#freeze = options.freeze ?? false
  }

  get size(): number {
    return this.#objects.size
  }

  get resourceVersion(): string | undefined {
    return this.#resourceVersion
  }

  get(key: ObjectReference | string): T | undefined {
    return this.#objects.get(typeof key === 'string' ? key : keyOf(key))
  }

  list(): T[] {
    return Array.from(this.#objects.values())
  }

  keys(): string[] {
    return Array.from(this.#objects.keys())
  }

  byIndex(name: Name, value: string): T[] {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new TypeError(`There is no index "${name}"; declare it on the reflector.`)
    return Array.from(index.keys(value)).flatMap(key => this.#objects.get(key) ?? [])
  }

  set(object: T): void {
    if (this.#freeze) freeze(object)
    const key = keyOf(referenceOf(object))
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const index of this.#indexes.values()) index.move(key, { old, object })
  }

  delete(key: string): void {
    const old = this.#objects.get(key)
    this.#objects.delete(key)
    for (const index of this.#indexes.values()) index.move(key, { old, object: undefined })
  }

  /** Called after what came with this version is in the store. */
  reached(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion
  }
}

class Index<T> {
  readonly #valuesOf: (object: T) => readonly string[]
  /** Most values have one key, which needs no set of its own: ten thousand sets of one are megabytes. */
  readonly #keys = new Map<string, string | Set<string>>()

  constructor(valuesOf: (object: T) => readonly string[]) {
    this.#valuesOf = valuesOf
  }

  keys(value: string): Iterable<string> {
    const keys = this.#keys.get(value) ?? []
    return typeof keys === 'string' ? [keys] : keys
  }

  move(key: string, change: { old: T | undefined; object: T | undefined }): void {
    for (const value of change.old === undefined ? [] : this.#valuesOf(change.old)) {
      const keys = this.#keys.get(value)
      if (keys === key) this.#keys.delete(value)
      if (typeof keys !== 'object') continue
      keys.delete(key)
      if (keys.size === 0) this.#keys.delete(value)
    }
    for (const value of change.object === undefined ? [] : this.#valuesOf(change.object)) {
      const keys = this.#keys.get(value)
      if (keys === undefined) this.#keys.set(value, key)
      else if (typeof keys === 'object') keys.add(key)
      else if (keys !== key) this.#keys.set(value, new Set([keys, key]))
    }
  }
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
}
