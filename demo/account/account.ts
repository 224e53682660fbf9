// The account at the end of the evening: what was played and paid, what it took, and whether everything holds.
import { auditEntries, countBy, writesOf } from './audit.ts'
import type { Finding } from './invariants.ts'
import { type Stores, sessions, whole } from './stores.ts'

export interface Account {
  played: { session: string; seconds: number; evictions: number; unbilledSeconds: number }[]
  chargedPaise: bigint
  walletPaise: bigint
  ledgerPaise: bigint
  kubernetesWrites: [what: string, count: number][]
  armCalls: [what: string, count: number][]
}

export async function gather(stores: Stores): Promise<Account> {
  const [money] = await stores.sql(`
    SELECT (SELECT coalesce(sum(charged_paise), 0) FROM wallet_holds) AS charged,
           (SELECT coalesce(sum(posted_paise), 0) FROM wallet_balances) AS wallets,
           (SELECT coalesce(sum(amount_paise), 0) FROM wallet_entries) AS ledger`)
  const writes = writesOf(await auditEntries(stores.auditLog), stores.users)
  const { counts } = await stores.azure<{ counts: Record<string, number> }>('/simulator/log?since=0')
  return {
    played: (await sessions(stores)).map(({ metadata, status }) => ({
      session: metadata.name,
      seconds: status?.billing?.seconds ?? 0,
      evictions: status?.evictions ?? 0,
      unbilledSeconds: (status?.interruptions ?? []).reduce((sum, { seconds = 0 }) => sum + seconds, 0),
    })),
    chargedPaise: whole(money?.charged),
    walletPaise: whole(money?.wallets),
    ledgerPaise: whole(money?.ledger),
    kubernetesWrites: countBy(writes, ({ verb, resource }) => `${verb} ${resource}`),
    armCalls: Object.entries(counts).sort(([left], [right]) => left.localeCompare(right)),
  }
}

export function told(account: Account, findings: Finding[]): string {
  const { played, chargedPaise, walletPaise, ledgerPaise, kubernetesWrites, armCalls } = account
  return [
    'The account',
    '',
    ...played.map(
      ({ session, seconds, evictions, unbilledSeconds }) =>
        `  ${session}: ${seconds} s played and billed, ${evictions} ${evictions === 1 ? 'eviction' : 'evictions'}, ${unbilledSeconds} s of interruption not billed`,
    ),
    `  charged ${rupees(chargedPaise)}, left in the wallet ${rupees(walletPaise)}, sum of the ledger ${rupees(ledgerPaise)}`,
    '',
    columns('Kubernetes writes by our programs', kubernetesWrites),
    '',
    columns('ARM calls', armCalls),
    '',
    'What must always hold, read from the live stores',
    '',
    ...findings.map(
      ({ number, promise, holds, evidence }) => `  ${holds ? '✔' : '✘'} ${number}. ${promise}\n       ${evidence}`,
    ),
  ].join('\n')
}

function rupees(paise: bigint): string {
  const sign = paise < 0n ? '-' : ''
  const whole = paise < 0n ? -paise : paise
  return `${sign}₹${whole / 100n}.${String(whole % 100n).padStart(2, '0')}`
}

/** Two entries a line: the list is read at a glance, not studied. */
function columns(title: string, counts: [what: string, count: number][]): string {
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const cells = counts.map(([what, count]) => `${String(count).padStart(5)}  ${what}`)
  const half = Math.ceil(cells.length / 2)
  const lines = cells.slice(0, half).map((left, index) => `  ${left.padEnd(48)}${cells[half + index] ?? ''}`.trimEnd())
  return [`  ${title}: ${total}`, ...lines].join('\n')
}
