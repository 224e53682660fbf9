// `ledger proposed`, `approve` and `decline`: credits for broken promises over which a person decides.
import { ArgumentsError } from '../../arguments.ts'
import { rupees } from '../../bot/money.ts'
import { approveCredit, declineCredit, proposedCredits } from '../proposed-credits.ts'
import { idOf, type LedgerCommand, LISTED, signature } from './words.ts'

export const proposed: LedgerCommand = {
  usage: 'proposed',
  does: 'lists credits for broken promises that go beyond the three a day that the program gives by itself',
  async run({ database }) {
    const credits = await proposedCredits(database, { limit: LISTED })
    if (credits.length === 0) return 'No credit waits for a decision.'
    const lines = credits.map(({ id, foundAt, amountPaise, playerId, sessionId, fault, reason }) => {
      return `${id}  ${foundAt.toISOString()}  ${rupees(amountPaise)} for player ${playerId}\n   ${fault} of session ${sessionId}: ${reason}`
    })
    return [...lines, 'Decide each: approve ID --author NAME, or decline ID --author NAME --reason TEXT'].join('\n')
  },
}

export const approve: LedgerCommand = {
  usage: 'approve ID --author NAME',
  does: 'credits one of them, and tells the player',
  async run({ id: text, words: { author }, database, now }) {
    const id = idOf(text, 'proposed')
    if (!author || author.length > 100)
      throw new ArgumentsError('--author NAME is expected, of at most 100 characters.')
    const credited = await approveCredit(database, { id, author, now })
    if (credited === undefined) throw notWaiting(id)
    if (credited === 'Gone') {
      throw new ArgumentsError('The account is deleted: nobody can play for it. Decline it with that as the reason.')
    }
    const { isNew, transactionId, amountPaise, playerId } = credited
    const done = isNew ? 'Credited, and the player is told' : 'Nothing new: this was credited before'
    return `${done}, as transaction ${transactionId}: ${rupees(amountPaise)} for player ${playerId}.`
  },
}

export const decline: LedgerCommand = {
  usage: 'decline ID --author NAME --reason TEXT',
  does: 'decides that it is not credited; who asks for all that is stored of them reads the reason',
  async run({ id: text, words, database, now }) {
    const id = idOf(text, 'proposed')
    const signed = signature(words)
    if (await declineCredit(database, { id, ...signed, now })) return `Credit ${id} is declined.`
    throw notWaiting(id)
  },
}

function notWaiting(id: bigint): ArgumentsError {
  return new ArgumentsError(`No credit ${id} waits for a decision. List them with \`proposed\`.`)
}
