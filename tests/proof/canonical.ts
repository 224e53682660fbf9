// Makes two evenings comparable: whatever two runs of the same story may differ in is taken out, and nothing else. Pure.
//
// Left out: bookkeeping of the API server, etags and the like. Times become `<time>`: that there is one still counts.
// UIDs, ids, addresses and names made of them become numbered placeholders by their first appearance, so that it still
// shows whether two places speak of one thing.

/** Fields that say nothing of the state: who wrote it, how often, under which version. */
const NOISE = new Set([
  'managedFields',
  'resourceVersion',
  'generation',
  'observedGeneration',
  'etag',
  'resourceGuid',
  'kubectl.kubernetes.io/last-applied-configuration',
])

/** What stands for one thing in one run and for another in the next. The first alternative that fits wins. */
const IDENTIFIERS: { kind: string; pattern: RegExp }[] = [
  { kind: 'uid', pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi },
  { kind: 'id', pattern: /\b[0-9][0-9a-hjkmnp-tv-z]{25}\b/g }, // A ULID in lower case.
  { kind: 'address', pattern: /\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\/)/g },
  { kind: 'mac', pattern: /\b(?:[0-9A-F]{2}-){5}[0-9A-F]{2}\b/g },
  { kind: 'payment', pattern: /\bpay_[A-Za-z0-9]+\b/g },
]
const TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The canonical form of anything that JSON can say. Lists keep their order: sort first those that have none. */
export function canonical(value: unknown): Json {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()

  const placeholder = (kind: string, identifier: string): string => {
    const key = identifier.toLowerCase()
    const known = names.get(key)
    if (known !== undefined) return known
    const number = (counts.get(kind) ?? 0) + 1
    counts.set(kind, number)
    const name = `<${kind} ${number}>`
    names.set(key, name)
    return name
  }
  const text = (from: string): string =>
    IDENTIFIERS.reduce(
      (sofar, { kind, pattern }) => sofar.replace(pattern, found => placeholder(kind, found)),
      from.replace(TIME, '<time>'),
    )
  const walk = (part: Json): Json => {
    if (typeof part === 'string') return text(part)
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    const entries = Object.entries(part)
      .filter(([key]) => !NOISE.has(key))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, each]): [string, Json] => [text(key), walk(each)])
    return Object.fromEntries(entries)
  }
  return walk(plain(value))
}

/** In an order that hangs on nothing that is taken out; those that differ in nothing else keep theirs. */
export function sorted<Item>(items: readonly Item[]): Item[] {
  const keyed = items.map(item => ({ item, key: JSON.stringify(canonical(item)) }))
  return keyed.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0)).map(({ item }) => item)
}

/** What a session was charged, and what its seconds say that it should have been. Amounts in paise. */
export interface Bill {
  ratePaisePerHour: bigint
  paidSeconds: bigint
  /** `undefined` when Kubernetes knows of none. */
  playedSeconds: bigint | undefined
  chargedPaise: bigint
}

/** Seconds and amount differ from run to run: one word stands for them, and only while one follows from the other. */
export function settled({ ratePaisePerHour, paidSeconds, playedSeconds, chargedPaise }: Bill): string {
  if (playedSeconds === undefined) return `charged ${chargedPaise} paise for a session that Kubernetes does not know`
  const billable = playedSeconds < paidSeconds ? playedSeconds : paidSeconds
  const duePaise = (ratePaisePerHour * billable) / 3600n
  if (chargedPaise === duePaise) return 'charged as played'
  return `charged ${chargedPaise} paise for ${playedSeconds} s of ${paidSeconds} s paid, which cost ${duePaise}`
}

/** As JSON has it: dates become texts, large numbers too, absent fields vanish. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each)))
}
