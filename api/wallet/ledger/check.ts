// `ledger check`: proves the books.
import type { Database } from '../../../lib/database/pool.ts'
import { checkBooks, checkNames, FAULTS_PER_CHECK } from '../check.ts'
import { openContradictions } from '../contradictions.ts'
import { proposedCredits } from '../proposed-credits.ts'
import { type LedgerCommand, LISTED, type Order } from './words.ts'

/** The books are wrong; `message` names every fault. */
export class BooksError extends Error {
  readonly code = 'BooksWrong'
}

export const check: LedgerCommand = {
  usage: 'check',
  does: 'proves the books; exits with 1 and names what is wrong when they are',
  run: proof,
}

async function proof({ database }: Order): Promise<string> {
  const checked = await checkBooks(database, { ifBusy: 'CheckAnyway' })
  const { faults = [], transactions = 0n, wallets = 0n } = checked ?? {}
  if (faults.length === 0) {
    const inOrder = `The books are in order: ${transactions} transactions, ${wallets} wallets, ${checkNames.length} checks.`
    return [inOrder, ...(await waiting(database))].join('\n')
  }
  const lines = faults.map(({ check, id, detail }) => `${check.padEnd(22)}${id}: ${detail}`)
  const more = `Of each kind the first ${FAULTS_PER_CHECK} are named.`
  throw new BooksError([`The books are wrong in ${faults.length} place(s). ${more}`, ...lines].join('\n'))
}

/** What is no fault of the books, and waits for a person all the same. */
async function waiting(database: Database): Promise<string[]> {
  const [open, credits] = [
    await openContradictions(database, { limit: LISTED }),
    await proposedCredits(database, { limit: LISTED }),
  ]
  const count = ({ length }: readonly unknown[]) => (length < LISTED ? String(length) : `${LISTED} or more`)
  return [
    ...(open.length === 0 ? [] : [`Open contradictions: ${count(open)}. List them with \`contradictions\`.`]),
    ...(credits.length === 0 ? [] : [`Credits to be decided: ${count(credits)}. List them with \`proposed\`.`]),
  ]
}
