// One copy of what stands in every object. A parsed list has each word as often as it has objects: kinds, reasons, whole
// sentences, and lists and maps of them: finalizers, ports, defaults of a schema. Where few different values ever stand
// in one field, objects share them; a field of names or times is soon given up. Ten thousand objects are so kept in
// little more than what tells them apart.

/** So many different values in one field, and it is one that tells objects apart. */
const VALUES = 64
/** A value with so many characters of JSON hardly comes twice; holding on to it would cost more than it saves. */
const CHARACTERS = 1000
/** Fields known by name; maps with keys of their own, such as labels, are not followed beyond. */
const FIELDS = 2000

export type Sharing = (object: object) => void

/** Replaces, in objects that are nobody else's yet, each value by an equal one of an earlier object's same field. */
export function sharing(): Sharing {
  const root = new Field()
  let left = FIELDS

  function share(value: object, field: Field): void {
    for (const [name, part] of Object.entries(value)) {
      // All elements of a list are one field.
      const known = Array.isArray(value) ? field : field.parts.get(name)
      if (known === undefined && left === 0) continue
      const at = known ?? new Field()
      if (known === undefined) {
        left -= 1
        field.parts.set(name, at)
      }
      const shared = at.shared(part)
      // Equal texts compare as the same one, and yet are two.
      if (typeof part === 'string' || shared !== part) Reflect.set(value, name, shared)
      else if (typeof part === 'object' && part !== null) share(part, at)
    }
  }
  return object => share(object, root)
}

class Field {
  readonly parts = new Map<string, Field>()
  readonly #texts = new Map<string, string>()
  /** Lists and maps by their JSON. */
  readonly #structures = new Map<string, object>()
  #isGivenUp = false

  shared(value: unknown): unknown {
    if (this.#isGivenUp) return value
    if (typeof value === 'string') return this.#first(this.#texts, value, value)
    if (typeof value === 'object' && value !== null) return this.#first(this.#structures, JSON.stringify(value), value)
    return value
  }

  #first<T>(known: Map<string, T>, text: string, value: T): T {
    const first = known.get(text)
    if (first !== undefined) return first
    known.set(text, value)
    this.#isGivenUp = text.length > CHARACTERS || this.#texts.size + this.#structures.size > VALUES
    if (this.#isGivenUp) for (const values of [this.#texts, this.#structures]) values.clear()
    return value
  }
}
