// How a handler tells the queue what to do with an item that failed. Any other error means: again, a little later.

/** No repetition mends it: the item is dead at once, and stays visible. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
  /** The stable code of what is wrong. */
  readonly code: string

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}

/** It failed for good as it did before, and lies as a dead letter of its key already: this one is let go, and told nobody. */
export class KnownFailure extends Error {
  override readonly name = 'KnownFailure'
}

/** Seconds after which whoever refused wants to be asked again, when the error carries such a thing. */
export function retryAfterSecondsOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('retryAfterSeconds' in error)) return undefined
  const { retryAfterSeconds } = error
  return typeof retryAfterSeconds === 'number' && retryAfterSeconds >= 0 ? retryAfterSeconds : undefined
}
