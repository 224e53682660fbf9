// `ledger contradictions` and `resolve`: what contradicts the books, until a person has looked at it.
import { ArgumentsError } from '../../arguments.ts'
import { openContradictions, resolveContradiction } from '../contradictions.ts'
import { idOf, type LedgerCommand, LISTED, signature } from './words.ts'

export const contradictions: LedgerCommand = {
  usage: 'contradictions',
  does: 'lists what contradicts the books and is not resolved, the oldest first',
  async run({ database }) {
    const open = await openContradictions(database, { limit: LISTED })
    if (open.length === 0) return 'Nothing contradicts the books.'
    const lines = open.map(({ id, code, subject, detail, foundAt }) => {
      return `${id}  ${foundAt.toISOString()}  ${code}, ${subject}\n   ${detail}`
    })
    return [...lines, 'Look at each, then: resolve ID --author NAME --reason TEXT'].join('\n')
  },
}

export const resolve: LedgerCommand = {
  usage: 'resolve ID --author NAME --reason TEXT',
  does: 'says that you have looked at such a contradiction: it is told no more',
  async run({ id: text, words, database, now }) {
    const id = idOf(text, 'contradictions')
    const signed = signature(words)
    if (await resolveContradiction(database, { id, ...signed, now })) return `Contradiction ${id} is resolved.`
    throw new ArgumentsError(`No contradiction ${id} is open. List them with \`contradictions\`.`)
  },
}
