// What the commands of `ledger` are made of: an order as it was typed, and the words that several of them expect.
import type { Database } from '../../../lib/database/pool.ts'
import { ArgumentsError } from '../../arguments.ts'

export const options = ['player', 'paise', 'author', 'reason', 'key'] as const

export type Words = { [Option in (typeof options)[number]]?: string | undefined }

export interface Order {
  /** What stands behind the command, where it takes one. */
  id: string
  words: Words
  database: Database
  now: Date
}

export interface LedgerCommand {
  /** As it is typed; it takes an id when the first word behind its name is ID. */
  usage: string
  /** What it does. */
  does: string
  /** What to print. */
  run(order: Order): Promise<string>
}

/** Listed at once; the rest comes into sight as these are decided. */
export const LISTED = 100

/** Throws `ArgumentsError`. `list` is the command that lists the ids. */
export function idOf(text: string, list: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new ArgumentsError(`'${text}' is no id; the number in the first column of \`${list}\` is expected.`)
}

/** Who decides, and why. Throws `ArgumentsError`. */
export function signature({ author, reason }: Words): { author: string; reason: string } {
  if (!author || !reason) throw new ArgumentsError('--author NAME and --reason TEXT are expected.')
  if (author.length > 100 || reason.length > 500) {
    throw new ArgumentsError('At most 100 characters are expected of --author and 500 of --reason.')
  }
  return { author, reason }
}
