// Seeded randomness, so that a run can be repeated: mulberry32 over an FNV-1a hash of the seed's text. Each simulator puts
// its name before the seed, or a payment's id at one would be a key at the other.

export interface Random {
  /** At least 0, less than 1. */
  fraction(): number
  /** A whole number, both bounds included. */
  integer(minimum: number, maximum: number): number
  /** Letters and digits. */
  word(length: number): string
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export function seededRandom(seed: string): Random {
  let state = 0x811c9dc5
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193)

  function fraction(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (minimum: number, maximum: number) => minimum + Math.floor(fraction() * (maximum - minimum + 1))
  return {
    fraction,
    integer,
    word: length => Array.from({ length }, () => LETTERS.charAt(integer(0, LETTERS.length - 1))).join(''),
  }
}
