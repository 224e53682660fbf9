// All resources of one type: by id, in the order of their ids, and by what each of them refers to, so that no request
// has to look at everything there is.
import { key } from './ids.ts'

/** What a resource is found by, beside its id: nothing, one thing or several. Compared without regard to case. */
export type Reference<R> = (resource: R) => readonly (string | undefined)[]

export class Table<R extends { readonly id: string }, Name extends string = never> {
  readonly #byId = new Map<string, R>()
  /** The keys of `#byId`, sorted. */
  readonly #order: string[] = []
  readonly #indexes: ReadonlyMap<Name, Index<R>>

  constructor(references: Readonly<Record<Name, Reference<R>>>) {
    const indexes = new Map<Name, Index<R>>()
    for (const name in references) indexes.set(name, new Index(references[name]))
    this.#indexes = indexes
  }

  get size(): number {
    return this.#byId.size
  }

  /** How often one ceased to be found by it: while that stays the same, whatever was taken is taken still. */
  departures(name: Name): number {
    return this.#indexes.get(name)?.departures ?? 0
  }

  get names(): readonly Name[] {
    return [...this.#indexes.keys()]
  }

  get(id: string): R | undefined {
    return this.#byId.get(key(id))
  }

  add(resource: R): R {
    const at = key(resource.id)
    this.#byId.set(at, resource)
    this.#order.splice(
      placeIn(this.#order, other => other < at),
      0,
      at,
    )
    this.changed(resource)
    return resource
  }

  delete(id: string): void {
    const at = key(id)
    const resource = this.#byId.get(at)
    if (resource === undefined) return
    this.#byId.delete(at)
    this.#order.splice(
      placeIn(this.#order, other => other < at),
      1,
    )
    for (const index of this.#indexes.values()) index.file(resource, [])
  }

  /** To be called after every change of what a resource refers to. */
  changed(resource: R): void {
    if (this.get(resource.id) !== resource) return
    for (const index of this.#indexes.values()) index.file(resource, index.referencesOf(resource))
  }

  /** By id, so that two equal worlds list alike. */
  all(): readonly R[] {
    return this.under('')
  }

  /** Those whose id begins so, by id. */
  under(prefix: string): readonly R[] {
    const start = key(prefix)
    const from = placeIn(this.#order, id => id < start)
    const to = placeIn(this.#order, id => id < start || id.startsWith(start))
    return this.#order.slice(from, to).flatMap(id => this.#byId.get(id) ?? [])
  }

  /** Those that refer to it, in the order in which they came to. */
  by(name: Name, value: string | undefined): readonly R[] {
    return value === undefined ? [] : [...(this.#indexes.get(name)?.groups.get(key(value)) ?? [])]
  }

  has(name: Name, value: string): boolean {
    return this.#indexes.get(name)?.groups.has(key(value)) === true
  }

  count(name: Name, value: string): number {
    return this.#indexes.get(name)?.groups.get(key(value))?.size ?? 0
  }

  /** Those that refer to the same thing, together. */
  groups(name: Name): Iterable<ReadonlySet<R>> {
    return this.#indexes.get(name)?.groups.values() ?? []
  }
}

class Index<R> {
  readonly groups = new Map<string, Set<R>>()
  departures = 0
  readonly #reference: Reference<R>
  readonly #filed = new Map<R, readonly string[]>()

  constructor(reference: Reference<R>) {
    this.#reference = reference
  }

  referencesOf(resource: R): readonly string[] {
    return this.#reference(resource).flatMap(value => (value === undefined ? [] : key(value)))
  }

  /** Keeps the resource under these and no others. */
  file(resource: R, values: readonly string[]): void {
    for (const value of this.#filed.get(resource) ?? []) {
      if (values.includes(value)) continue
      this.departures += 1
      const group = this.groups.get(value)
      group?.delete(resource)
      if (group?.size === 0) this.groups.delete(value)
    }
    for (const value of values) {
      const group = this.groups.get(value)
      if (group === undefined) this.groups.set(value, new Set([resource]))
      else group.add(resource)
    }
    if (values.length === 0) this.#filed.delete(resource)
    else this.#filed.set(resource, values)
  }
}

/** How many of the sorted items, all of them at its start, are `before`. */
export function placeIn<Item>(sorted: readonly Item[], before: (item: Item) => boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = sorted[middle]
    if (item !== undefined && before(item)) low = middle + 1
    else high = middle
  }
  return low
}
