// `ledger`: what a person does about the books. Proves them, looks at what contradicts them, and corrects a wallet by a
// booking with name and reason.
import type { Database } from '../../lib/database/pool.ts'
import { ArgumentsError, parseArguments } from '../arguments.ts'
import { rupees } from '../bot/money.ts'
import { playerById } from '../players/players.ts'
import { checkBooks, checkNames, FAULTS_PER_CHECK } from './check.ts'
import { openContradictions, resolveContradiction } from './contradictions.ts'
import { approveCredit, declineCredit, proposedCredits } from './proposed-credits.ts'
import { adjust } from './wallet.ts'

export const LEDGER_USAGE = `Usage: npm run ledger -- <command>

  check    proves the books; exits with 1 and names what is wrong when they are
  contradictions
           lists what contradicts the books and is not resolved, the oldest first
  resolve ID --author NAME --reason TEXT
           says that you have looked at such a contradiction: it is told no more
  proposed
           lists credits for broken promises that go beyond the three a day that the program gives by itself
  approve ID --author NAME
           credits one of them, and tells the player
  decline ID --author NAME --reason TEXT
           decides that it is not credited
  adjust --player ID --paise N --author NAME --reason TEXT --key KEY
           puts N paise into a wallet, or takes them out with a minus (--paise=-500); repeated under the same key,
           it is booked once

DATABASE_URL says where the books are.`

/** The books are wrong; `message` names every fault. */
export class BooksError extends Error {
  readonly code = 'BooksWrong'
}

/** What to print. Throws `ArgumentsError`, `BooksError`, and the wallet's `InsufficientFunds`. */
export async function ledgerCommand(args: readonly string[], database: Database, now: Date): Promise<string> {
  const text = { type: 'string' } as const
  const options = { player: text, paise: text, author: text, reason: text, key: text }
  const { values, positionals } = parseArguments({ args: [...args], options, allowPositionals: true }, LEDGER_USAGE)
  const [command, ...rest] = positionals
  if (command === 'check' && rest.length === 0) return await proof(database)
  if (command === 'contradictions' && rest.length === 0) return await listed(database)
  if (command === 'resolve' && rest.length === 1) return await resolved(rest[0], values, database, now)
  if (command === 'proposed' && rest.length === 0) return await proposed(database)
  if (command === 'approve' && rest.length === 1) return await approved(rest[0], values, database, now)
  if (command === 'decline' && rest.length === 1) return await declined(rest[0], values, database, now)
  if (command === 'adjust' && rest.length === 0) return await adjustment(values, database, now)
  throw new ArgumentsError(
    `Say check, contradictions, resolve ID, proposed, approve ID, decline ID or adjust.\n${LEDGER_USAGE}`,
  )
}

async function proof(database: Database): Promise<string> {
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

async function proposed(database: Database): Promise<string> {
  const credits = await proposedCredits(database, { limit: LISTED })
  if (credits.length === 0) return 'No credit waits for a decision.'
  const lines = credits.map(({ id, foundAt, amountPaise, playerId, sessionId, fault, reason }) => {
    return `${id}  ${foundAt.toISOString()}  ${rupees(amountPaise)} for player ${playerId}\n   ${fault} of session ${sessionId}: ${reason}`
  })
  return [...lines, 'Decide each: approve ID --author NAME, or decline ID --author NAME --reason TEXT'].join('\n')
}

async function approved(
  text: string | undefined,
  { author }: AdjustmentWords,
  database: Database,
  now: Date,
): Promise<string> {
  const id = idOf(text, 'proposed')
  if (!author || author.length > 100) throw new ArgumentsError('--author NAME is expected, of at most 100 characters.')
  const credited = await approveCredit(database, { id, author, now })
  if (credited === undefined)
    throw new ArgumentsError(`No credit ${id} waits for a decision. List them with \`proposed\`.`)
  if (credited === 'Gone') {
    throw new ArgumentsError('The account is deleted: nobody can play for it. Decline it with that as the reason.')
  }
  const { isNew, transactionId, amountPaise, playerId } = credited
  const done = isNew ? 'Credited, and the player is told' : 'Nothing new: this was credited before'
  return `${done}, as transaction ${transactionId}: ${rupees(amountPaise)} for player ${playerId}.`
}

async function declined(
  text: string | undefined,
  { author, reason }: AdjustmentWords,
  database: Database,
  now: Date,
): Promise<string> {
  const id = idOf(text, 'proposed')
  const signed = signature({ author, reason })
  if (await declineCredit(database, { id, ...signed, now })) return `Credit ${id} is declined.`
  throw new ArgumentsError(`No credit ${id} waits for a decision. List them with \`proposed\`.`)
}

/** Told at once; the rest comes into sight as these are resolved. */
const LISTED = 100

async function listed(database: Database): Promise<string> {
  const open = await openContradictions(database, { limit: LISTED })
  if (open.length === 0) return 'Nothing contradicts the books.'
  const lines = open.map(({ id, code, subject, detail, foundAt }) => {
    return `${id}  ${foundAt.toISOString()}  ${code}, ${subject}\n   ${detail}`
  })
  return [...lines, 'Look at each, then: resolve ID --author NAME --reason TEXT'].join('\n')
}

async function resolved(
  text: string | undefined,
  { author, reason }: AdjustmentWords,
  database: Database,
  now: Date,
): Promise<string> {
  const id = idOf(text, 'contradictions')
  const signed = signature({ author, reason })
  if (await resolveContradiction(database, { id, ...signed, now })) return `Contradiction ${id} is resolved.`
  throw new ArgumentsError(`No contradiction ${id} is open. List them with \`contradictions\`.`)
}

function idOf(text: string | undefined, list: string): bigint {
  if (text !== undefined && /^\d{1,18}$/.test(text)) return BigInt(text)
  throw new ArgumentsError(`'${text}' is no id; the number in the first column of \`${list}\` is expected.`)
}

/** Who decides, and why. Throws `ArgumentsError`. */
function signature({ author, reason }: Pick<AdjustmentWords, 'author' | 'reason'>) {
  if (!author || !reason) throw new ArgumentsError(`--author NAME and --reason TEXT are expected.\n${LEDGER_USAGE}`)
  if (author.length > 100 || reason.length > 500) {
    throw new ArgumentsError('At most 100 characters are expected of --author and 500 of --reason.')
  }
  return { author, reason }
}

interface AdjustmentWords {
  player?: string | undefined
  paise?: string | undefined
  author?: string | undefined
  reason?: string | undefined
  key?: string | undefined
}

async function adjustment(words: AdjustmentWords, database: Database, now: Date): Promise<string> {
  const { player: playerId, paise, author, reason, key } = words
  if (!playerId || !paise || !author || !reason || !key) {
    const missing = ['player', 'paise', 'author', 'reason', 'key'].filter(
      name => !Object.entries(words).some(([given, value]) => given === name && value),
    )
    throw new ArgumentsError(`Missing: ${missing.map(name => `--${name}`).join(', ')}.\n${LEDGER_USAGE}`)
  }
  if (!/^-?[1-9]\d{0,12}$/.test(paise)) {
    throw new ArgumentsError(`--paise is '${paise}'; a whole number of paise is expected, such as 5000 or -5000.`)
  }
  if (author.length > 100 || reason.length > 500 || key.length > 150) {
    throw new ArgumentsError('At most 100 characters are expected of --author, 500 of --reason and 150 of --key.')
  }
  const player = await playerById(database, playerId)
  if (!player) throw new ArgumentsError(`There is no player ${playerId}. The id in table players is expected.`)

  const amountPaise = BigInt(paise)
  const idempotencyKey = `adjustment:${key}`
  const { isNew, transactionId, balance } = await adjust(database, {
    playerId,
    amountPaise,
    author,
    reason,
    idempotencyKey,
    now,
  })
  const done = isNew ? 'Booked' : 'Nothing new: this was booked before'
  const { availablePaise, heldPaise, owedPaise } = balance
  const wallet = `${rupees(availablePaise)} free, ${rupees(heldPaise)} held, ${rupees(owedPaise)} owed`
  return `${done}, as transaction ${transactionId}: ${rupees(amountPaise)} for ${player.firstName} (${playerId}).\nThe wallet has ${wallet}.`
}
