// `ledger`: what a person does about the books. Proves them, looks at what contradicts them, and corrects a wallet by a
// booking with name and reason.
import type { Database } from '../../lib/database/pool.ts'
import { ArgumentsError, parseArguments } from '../arguments.ts'
import { adjust } from './ledger/adjust.ts'
import { check } from './ledger/check.ts'
import { contradictions, resolve } from './ledger/contradictions.ts'
import { approve, decline, proposed } from './ledger/credits.ts'
import type { LedgerCommand } from './ledger/words.ts'

const commands: Record<string, LedgerCommand> = {
  check,
  contradictions,
  resolve,
  proposed,
  approve,
  decline,
  adjust,
}

export const LEDGER_USAGE = `Usage: npm run ledger -- <command>

${Object.values(commands)
  .map(({ usage, does }) => `  ${usage}\n           ${does}`)
  .join('\n')}

DATABASE_URL says where the books are.`

/** What to print. Throws `ArgumentsError`, `BooksError`, and the wallet's `InsufficientFunds`. */
export async function ledgerCommand(args: readonly string[], database: Database, now: Date): Promise<string> {
  const text = { type: 'string' } as const
  const options = { player: text, paise: text, author: text, reason: text, key: text }
  const { values, positionals } = parseArguments({ args: [...args], options, allowPositionals: true }, LEDGER_USAGE)
  const [name = '', ...rest] = positionals
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  const [id = ''] = rest
  if (command && rest.length === (takesId(command) ? 1 : 0))
    return await command.run({ id, words: values, database, now })
  const known = Object.entries(commands).map(([each, it]) => (takesId(it) ? `${each} ID` : each))
  throw new ArgumentsError(`Say ${known.slice(0, -1).join(', ')} or ${known.at(-1)}.\n${LEDGER_USAGE}`)
}

function takesId({ usage }: LedgerCommand): boolean {
  return usage.split(' ')[1] === 'ID'
}
