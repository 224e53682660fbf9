// How long to wait after the n-th failure in a row.

export interface Backoff {
  initialSeconds: number
  maximumSeconds: number
}

/** `failures` counts from 1. Doubles from the first to the maximum. */
export function backoffSeconds({ initialSeconds, maximumSeconds }: Backoff, failures: number): number {
  return Math.min(maximumSeconds, initialSeconds * 2 ** Math.min(failures - 1, 64))
}
