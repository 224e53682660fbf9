// What an evening left behind and how it came to be, in one canonical text: Azure, Kubernetes, the ledger. Two evenings
// ended alike exactly when their dumps are equal.
import type { ISql } from 'postgres'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { Control } from '../../demo/evening/control.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { secrets } from '../../lib/kube/core.ts'
import { canonical, type Json, settled, sorted } from './canonical.ts'

export interface Sources {
  azure: Control
  kube: KubeClient
  /** The API's database, as superuser. */
  sql: ISql
  namespace: string
}

/** Where an evening begins in what the stores have gathered before it. */
export interface Mark {
  azureLog: number
  guests: number
  sessions: string[]
  secrets: string[]
  transactions: string
  webhooks: string
}

interface AzureResource {
  id: string
  name: string
  tags?: Record<string, string>
  properties?: Record<string, unknown>
}

/** All that can be tagged. */
const TAGGED = [
  'virtualMachines',
  'networkInterfaces',
  'publicIPAddresses',
  'networkSecurityGroups',
  'disks',
  'snapshots',
] as const
export type AzureState = Record<(typeof TAGGED)[number], AzureResource[]>

/** Whether nothing of ours is left. */
export function isEmpty(state: AzureState): boolean {
  return TAGGED.every(kind => state[kind].every(each => !isOurs(each)))
}

function isOurs({ tags }: AzureResource): boolean {
  return tags?.['wasd-installation'] !== undefined
}

interface ArmCall {
  kind: string
  resource: string
  status: number
}

interface GuestEvent {
  vmName: string
  publicIP?: string
  osDiskId?: string
  state: string
  reason: string
}

export async function markNow(sources: Sources): Promise<Mark> {
  const { azure, kube, sql, namespace } = sources
  const [log, guests, sessions, kept, rows] = await Promise.all([
    azure.get<{ next: number }>('/simulator/log?since=999999999'),
    azure.get<{ next: number }>('/simulator/guests?since=999999999'),
    kube.list(gameSessions, { namespace }),
    kube.list(secrets, { namespace }),
    sql`SELECT (SELECT coalesce(max(id), 0) FROM wallet_transactions) AS transactions,
               (SELECT coalesce(max(id), 0) FROM razorpay_webhooks) AS webhooks`,
  ])
  return {
    azureLog: log.next,
    guests: guests.next,
    sessions: sessions.items.map(({ metadata }) => metadata.name),
    secrets: kept.items.map(({ metadata }) => metadata.name),
    transactions: String(rows[0]?.transactions),
    webhooks: String(rows[0]?.webhooks),
  }
}

/** Azure, Kubernetes and ledger since the mark. The bills are compared with what they are for before both are blanked. */
export async function dump(sources: Sources, mark: Mark): Promise<Json> {
  const sessions = await sessionsSince(sources, mark)
  return canonical({
    kubernetes: await kubernetes(sources, { mark, sessions }),
    azure: await azure(sources, mark),
    ledger: await ledger(sources, { mark, sessions }),
  })
}

/** Azure and Kubernetes alone: while a session is played its bill is still open. */
export async function dumpWorld(sources: Sources, mark: Mark): Promise<Json> {
  const sessions = await sessionsSince(sources, mark)
  return canonical({ kubernetes: await kubernetes(sources, { mark, sessions }), azure: await azure(sources, mark) })
}

async function sessionsSince({ kube, namespace }: Sources, mark: Mark): Promise<GameSession[]> {
  const { items } = await kube.list(gameSessions, { namespace })
  return items.filter(({ metadata }) => !mark.sessions.includes(metadata.name))
}

async function kubernetes(
  { kube, namespace }: Sources,
  { mark, sessions }: { mark: Mark; sessions: GameSession[] },
): Promise<object> {
  const machines = await kube.list(gpuVms)
  const kept = await kube.list(secrets, { namespace })
  return {
    sessions: sorted(sessions.map(withoutSeconds)),
    machines: sorted(machines.items),
    secrets: sorted(kept.items.filter(({ metadata }) => !mark.secrets.includes(metadata.name))),
  }
}

/** How long it was played and interrupted is the clock's doing; the ledger's part checks what follows from it. */
function withoutSeconds(session: GameSession): unknown {
  const { status, ...rest } = session
  if (!status) return session
  const { billing, interruptions, ...more } = status
  return {
    ...rest,
    status: {
      ...more,
      ...(billing && { billing: { ...billing, seconds: '<seconds>' } }),
      ...(interruptions && {
        interruptions: interruptions.map(each => ({ ...each, ...('seconds' in each && { seconds: '<seconds>' }) })),
      }),
    },
  }
}

async function azure({ azure }: Sources, mark: Mark): Promise<object> {
  const state = await azure.get<AzureState>('/simulator/state')
  const log = await azure.get<{ entries: ArmCall[] }>(`/simulator/log?since=${mark.azureLog}`)
  const guests = await azure.get<{ events: GuestEvent[] }>(`/simulator/guests?since=${mark.guests}`)
  const made = log.entries.filter(({ kind, status }) => kind === 'PUT virtualMachines' && status < 300)
  return {
    ours: Object.fromEntries(TAGGED.map(kind => [kind, sorted(state[kind].filter(isOurs))])),
    machinesMade: made.map(({ resource }) => resource),
    lives: guests.events.map(({ vmName, state, reason, publicIP, osDiskId }) => ({
      vmName,
      happened: `${state}: ${reason}`,
      publicIP,
      osDiskId,
    })),
  }
}

async function ledger({ sql }: Sources, { mark, sessions }: { mark: Mark; sessions: GameSession[] }): Promise<object> {
  const accounts = sql`
    SELECT DISTINCT e.account_id FROM wallet_entries e
    WHERE e.transaction_id > ${mark.transactions} AND e.account_id LIKE 'wallet:%'`
  const entries = await sql<{ transaction: string; kind: string; account: string; paise: string }[]>`
    SELECT t.id AS transaction, t.kind, e.account_id AS account, e.amount_paise AS paise
    FROM wallet_transactions t JOIN wallet_entries e ON e.transaction_id = t.id
    WHERE t.id > ${mark.transactions} ORDER BY t.id, e.account_id`
  const balances = await sql<{ account: string; posted: string; held: string }[]>`
    SELECT account_id AS account, posted_paise AS posted, held_paise AS held FROM wallet_balances
    WHERE account_id IN (${accounts}) ORDER BY account_id`
  const known = new Map(sessions.map(session => [session.metadata.name, session.status?.billing?.seconds]))
  const holds = await sql<Record<'session' | 'account' | 'rate' | 'paid' | 'charged' | 'held', string>[]>`
    SELECT session_id AS session, account_id AS account, rate_paise_per_hour AS rate, paid_seconds AS paid,
           charged_paise AS charged, held_paise AS held
    FROM wallet_holds WHERE account_id IN (${accounts}) ORDER BY created_at`
  const paid = (account: string, kind: string) =>
    entries
      .filter(each => each.account === account && each.kind === kind)
      .reduce((sum, { paise }) => sum + BigInt(paise), 0n)

  return {
    topUps: entries.filter(({ kind }) => kind === 'TopUp').map(({ account, paise }) => ({ account, paise })),
    // In how many steps it was charged is the clock's doing; that the steps add up is not.
    charges: holds.map(({ account, charged }) =>
      paid(account, 'Play') === -BigInt(charged) ? 'booked' : `${paid(account, 'Play')} paise booked`,
    ),
    unbalanced: await sql`
      SELECT transaction_id FROM wallet_entries GROUP BY transaction_id HAVING sum(amount_paise) <> 0 OR count(*) < 2`,
    wallets: balances.map(({ account, posted, held }) => ({
      account,
      held,
      posted: BigInt(posted) === paid(account, 'TopUp') + paid(account, 'Play') ? 'as booked' : `${posted} paise`,
    })),
    holds: holds.map(({ session, account, rate, paid: paidSeconds, charged, held }) => {
      const played = known.get(`gs-${session}`)
      const bill = {
        ratePaisePerHour: BigInt(rate),
        paidSeconds: BigInt(paidSeconds),
        playedSeconds: played === undefined ? undefined : BigInt(played),
        chargedPaise: BigInt(charged),
      }
      return { session, account, rate, paidSeconds, held, bill: settled(bill) }
    }),
    payments: await sql`
      SELECT p.rail, p.amount_paise, t.amount_paise AS asked, t.credited_at IS NOT NULL AS credited
      FROM payments p JOIN top_ups t ON t.id = p.top_up_id
      WHERE p.transaction_id > ${mark.transactions} ORDER BY p.transaction_id`,
    // Which message of a payment comes first is luck; one of them credits it.
    webhooks: await sql`
      SELECT outcome = 'Credited' AS credits, worked_off_at IS NOT NULL AS worked_off FROM razorpay_webhooks
      WHERE id > ${mark.webhooks} ORDER BY credits`,
    sessions: await sql`
      SELECT id, game, tier, regions, desired_state, command, command_applied, told, end_reason,
             ended_at IS NOT NULL AS ended, seen_since IS NOT NULL AS playing,
             jsonb_array_length(seen_interruptions) AS interruptions
      FROM sessions WHERE 'gs-' || id <> ALL (${mark.sessions}) ORDER BY id`,
    leftInQueue: await sql`
      SELECT topic, payload, last_error, dead_at IS NOT NULL AS dead FROM queue_items ORDER BY topic, id`,
  }
}
