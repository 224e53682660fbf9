// A wallet in thirty lines of arithmetic: what the ledger must come to, whatever is asked of it and in whatever order.
export interface Lot {
  key: string
  isPromotional: boolean
  /** Seconds from the start; `undefined` never. */
  expiresAt: number | undefined
  left: bigint
}

export interface HoldModel {
  rate: bigint
  paid: bigint
  charged: bigint
}

export class WalletModel {
  lots: Lot[] = []
  hold: HoldModel | undefined
  owed = 0n
  pending = new Map<string, { lot: Lot; amount: bigint }>()

  get posted(): bigint {
    return this.lots.reduce((sum, { left }) => sum + left, 0n)
  }

  get held(): bigint {
    return this.hold ? priceOf(this.hold.rate, this.hold.paid) - this.hold.charged : 0n
  }

  get free(): bigint {
    return this.posted - this.held
  }

  /** Promotional before paid, by expiry, then the oldest. */
  get inOrder(): Lot[] {
    const rank = (lot: Lot) => [lot.isPromotional ? 0 : 1, lot.expiresAt ?? Number.POSITIVE_INFINITY] as const
    return this.lots.toSorted((one, other) => {
      const [kind, expiry] = rank(one)
      const [otherKind, otherExpiry] = rank(other)
      return kind - otherKind || (expiry === otherExpiry ? 0 : expiry - otherExpiry)
    })
  }

  /** Every command sees the wallet as it is at its time. */
  at(now: number): void {
    let covered = this.held
    for (const lot of this.inOrder) {
      const part = covered < lot.left ? lot.left - covered : 0n
      covered -= lot.left - part
      if (lot.expiresAt !== undefined && lot.expiresAt <= now) lot.left -= part
    }
  }

  put(lot: Lot, repays: boolean): void {
    const repaid = repays && this.owed > 0n ? least(this.owed, lot.left) : 0n
    this.owed -= repaid
    this.lots.push({ ...lot, left: lot.left - repaid })
  }

  /** A refund that failed: what is owed is repaid, and the rest returns to its lot. */
  putBack({ lot, amount }: { lot: Lot; amount: bigint }): void {
    const repaid = least(this.owed, amount)
    this.owed -= repaid
    lot.left += amount - repaid
  }

  /** What the end of a hold sets free repays what is owed, gifts apart. */
  release(): void {
    this.hold = undefined
    const paid = this.inOrder.filter(({ isPromotional }) => !isPromotional)
    const there = paid.reduce((sum, { left }) => sum + left, 0n)
    const repaid = least(this.owed, there, this.free)
    this.take(repaid, paid)
    this.owed -= repaid
  }

  take(amount: bigint, from: readonly Lot[] = this.inOrder): void {
    let rest = amount
    for (const lot of from) {
      const part = least(lot.left, rest)
      lot.left -= part
      rest -= part
    }
  }

  /** Taken back by others: its own lot first, then what else was paid in; the rest is owed. */
  takeBack(key: string, amount: bigint): void {
    const paid = this.inOrder.filter(({ isPromotional }) => !isPromotional)
    const own = paid.filter(lot => lot.key === key)
    const from = [...own, ...paid.filter(lot => lot.key !== key)]
    const there = least(
      from.reduce((sum, { left }) => sum + left, 0n),
      this.free,
    )
    const debited = least(amount, there)
    this.take(debited, from)
    this.owed += amount - debited
  }
}

export function priceOf(rate: bigint, seconds: bigint): bigint {
  return (rate * seconds) / 3600n
}

export function least(...values: [bigint, ...bigint[]]): bigint {
  return values.reduce((low, value) => (value < low ? value : low))
}
