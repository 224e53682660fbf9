// One copy of what stands in every object. A parsed list has each word as often as it has objects: kinds, reasons, whole
// sentences. Where few different words ever stand in one field, objects share them; a field of names or times is soon
// given up. Ten thousand objects are so kept in little more than what tells them apart.

/** So many different words in one field, and it is one that tells objects apart. */
const WORDS = 64
/** Fields known by name; maps with keys of their own, such as labels, are not followed beyond. */
const FIELDS = 2000

export type Sharing = (object: object) => void

/** Replaces, in objects that are nobody else's yet, each text by an equal one of an earlier object's same field. */
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
      if (typeof part === 'string') Reflect.set(value, name, at.shared(part))
      else if (typeof part === 'object' && part !== null) share(part, at)
    }
  }
  return object => share(object, root)
}

class Field {
  readonly parts = new Map<string, Field>()
  /** `undefined` once there were too many. */
  #words: Map<string, string> | undefined = new Map()

  shared(word: string): string {
    const known = this.#words?.get(word)
    if (known !== undefined) return known
    this.#words?.set(word, word)
    if (this.#words !== undefined && this.#words.size > WORDS) this.#words = undefined
    return word
  }
}
