// Every ARM call that came in, with what was answered.

/** Entries kept; older ones are dropped, their counts are not. */
const LIMIT = 50_000

export interface LogEntry {
  seq: number
  time: string
  method: string
  path: string
  /** Verb and resource type: `PUT virtualMachines`, `LIST disks`, `POST virtualMachines/start`. */
  kind: string
  /** The last name in the path. */
  resource: string
  status: number
  code?: string
  /** The fault set by hand that hit it. */
  fault?: string
}

export interface RequestLog {
  entries: LogEntry[]
  next: number
  counts: Map<string, number>
}

export function emptyLog(): RequestLog {
  return { entries: [], next: 1, counts: new Map() }
}

/** From that number on. */
export function entriesSince({ entries }: RequestLog, since: number): readonly LogEntry[] {
  const [oldest] = entries
  return oldest === undefined ? [] : entries.slice(Math.max(0, since - oldest.seq))
}

export function record(log: RequestLog, entry: Omit<LogEntry, 'seq'>): void {
  log.entries.push({ seq: log.next, ...entry })
  log.next += 1
  log.counts.set(entry.kind, (log.counts.get(entry.kind) ?? 0) + 1)
  if (log.entries.length > LIMIT) log.entries.splice(0, log.entries.length - LIMIT)
}
