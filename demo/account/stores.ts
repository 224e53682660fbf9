// The live stores, as anybody could read them: SQL, kubectl, HTTP, the audit log. Nothing of our programs is used.
import type { CommandResult } from '../evening/sre.ts'

export interface Stores {
  /** Rows of a plain SQL query on the API's database, read by the database's owner. */
  sql(text: string): Promise<Record<string, unknown>[]>
  kubectl(args: string[], input?: string): Promise<CommandResult>
  azure<Reply>(path: string): Promise<Reply>
  razorpay<Reply>(path: string): Promise<Reply>
  telegram<Reply>(path: string): Promise<Reply>
  /** Where the API server writes its audit log. */
  auditLog: string
  /** The user names of the programs' service accounts. */
  users: string[]
  /** PAID_GRACE_SECONDS of the release. */
  graceSeconds: number
}

export interface SessionObject {
  metadata: { name: string; namespace: string; uid: string; labels?: Record<string, string> }
  spec: { player: string; paidSeconds?: number }
  status?: {
    phase?: string
    billing?: { seconds?: number; since?: string; final?: boolean }
    endpoint?: { host?: string }
    interruptions?: { cause: string; since: string; seconds?: number }[]
    evictions?: number
  }
}

export interface MachineObject {
  metadata: { name: string; namespace: string; uid: string; ownerReferences?: { uid: string }[] }
}

export async function sessions(stores: Stores): Promise<SessionObject[]> {
  return await listed<SessionObject>(stores, 'gamesessions')
}

export async function machines(stores: Stores): Promise<MachineObject[]> {
  return await listed<MachineObject>(stores, 'gpuvms')
}

async function listed<Item>({ kubectl }: Stores, plural: string): Promise<Item[]> {
  const { code, stdout, stderr } = await kubectl([
    'get',
    `${plural}.wasd.cloud`,
    '--all-namespaces',
    '--output',
    'json',
  ])
  if (code !== 0) throw new Error(`kubectl get ${plural} failed: ${stderr}`)
  const list: { items: Item[] } = JSON.parse(stdout)
  return list.items
}

/** A cell of a SQL row as a whole number; sums come as text. */
export function whole(value: unknown): bigint {
  return BigInt(String(value ?? 0))
}
