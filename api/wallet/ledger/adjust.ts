// `ledger adjust`: corrects a wallet by a booking with name and reason.
import { ArgumentsError } from '../../arguments.ts'
import { rupees } from '../../bot/money.ts'
import { playerById } from '../../players/players.ts'
import * as wallet from '../wallet.ts'
import { type LedgerCommand, options } from './words.ts'

const usage = 'adjust --player ID --paise N --author NAME --reason TEXT --key KEY'

export const adjust: LedgerCommand = {
  usage,
  does: 'puts N paise into a wallet, or takes them out with a minus (--paise=-500); repeated under the same key, it is booked once',
  async run({ words, database, now }) {
    const { player: playerId, paise, author, reason, key } = words
    if (!playerId || !paise || !author || !reason || !key) {
      const missing = options.filter(name => !words[name])
      throw new ArgumentsError(`Missing: ${missing.map(name => `--${name}`).join(', ')}. Say: ${usage}`)
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
    const order = { playerId, amountPaise, author, reason, idempotencyKey: `adjustment:${key}`, now }
    const { isNew, transactionId, balance } = await wallet.adjust(database, order)
    const done = isNew ? 'Booked' : 'Nothing new: this was booked before'
    const { availablePaise, heldPaise, owedPaise } = balance
    const rest = `${rupees(availablePaise)} free, ${rupees(heldPaise)} held, ${rupees(owedPaise)} owed`
    return `${done}, as transaction ${transactionId}: ${rupees(amountPaise)} for ${player.firstName} (${playerId}).\nThe wallet has ${rest}.`
  },
}
