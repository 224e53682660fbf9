// What a start, or a word to a running session, is refused for. (Too little money is the wallet's `InsufficientFunds`.)
export const sessionSentences = {
  GameUnknown: 'There is no such game in the catalogue. Choose one of those that /v1/catalogue lists.',
  TierUnknown: 'This game cannot be played in that tier. Choose one of the tiers that the catalogue lists for it.',
  RegionUnknown: 'There is no such region in the catalogue. Choose another one, or none.',
  SessionActive: 'A session of yours is still active, and one player plays one at a time. Stop it first.',
  NoSession: 'You have no active session. Start one first.',
  SessionEnding: 'The session is already ending, which is final. Start a new one when it is over.',
} as const

export type SessionErrorCode = keyof typeof sessionSentences

export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode

  constructor(code: SessionErrorCode, options: { cause?: unknown } = {}) {
    super(sessionSentences[code], options)
    this.code = code
  }
}
