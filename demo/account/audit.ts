// Reads the API server's own audit log: who wrote what, counted by verb and resource.
import { readFile } from 'node:fs/promises'

export interface AuditEntry {
  verb: string
  /** `gamesessions`, `gpuvms/status` … */
  resource: string
  namespace: string
  name: string
  user: string
  at: Date
  status: number
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']

/** Completed requests of the audit log at `file`; half a line at its end is still being written. */
export async function auditEntries(file: string): Promise<AuditEntry[]> {
  const lines = (await readFile(file, 'utf8')).split('\n')
  return lines.flatMap(line => {
    if (line === '' || !line.endsWith('}')) return []
    const event = JSON.parse(line)
    if (event.stage !== 'ResponseComplete' || !event.objectRef) return []
    const { resource, subresource, namespace = '', name = '' } = event.objectRef
    return [
      {
        verb: event.verb,
        resource: subresource ? `${resource}/${subresource}` : resource,
        namespace,
        name,
        user: event.user?.username ?? '',
        at: new Date(event.requestReceivedTimestamp),
        status: event.responseStatus?.code ?? 0,
      },
    ]
  })
}

/** Writes of our own programs. `users` are the names of their service accounts. */
export function writesOf(entries: AuditEntry[], users: string[]): AuditEntry[] {
  return entries.filter(({ verb, user, status }) => WRITES.includes(verb) && users.includes(user) && status < 400)
}

export function countBy<Item>(items: Item[], key: (item: Item) => string): [key: string, count: number][] {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
  return [...counts].sort(([left], [right]) => left.localeCompare(right))
}
