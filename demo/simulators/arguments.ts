// What the simulators' command lines have in common.

/** Throws an Error for the person at the keyboard when the text is no number from `minimum` (0) to `maximum`. */
export function number(
  name: string,
  text: string,
  { minimum = 0, maximum }: { minimum?: number; maximum: number },
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= minimum && value <= maximum)) {
    throw new Error(`--${name} is '${text}'; a number from ${minimum} to ${maximum} is expected.`)
  }
  return value
}
