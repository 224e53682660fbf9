// Two clocks: the wall's, and one moved by hand. Time stamps are always the clock's own; only Azure's delays are divided
// by `speed`, so that what a program bills is as long as the clock says.

export interface Clock {
  readonly kind: 'real' | 'manual'
  /** How many of Azure's seconds pass in one second of this clock. */
  readonly speed: number
  /** Milliseconds since 1970. */
  now(): number
  /** The same by the wall, for tokens: their holders count by it whatever this clock does. */
  wall(): number
}

export interface ManualClock extends Clock {
  advance(seconds: number): void
}

export function realClock(speed: number): Clock {
  return { kind: 'real', speed, now: () => Date.now(), wall: () => Date.now() }
}

export function manualClock(startMilliseconds: number, speed = 1): ManualClock {
  let now = startMilliseconds
  return {
    kind: 'manual',
    speed,
    now: () => now,
    wall: () => Date.now(),
    advance: seconds => {
      now += seconds * 1000
    },
  }
}

/** How many milliseconds of this clock so many of Azure's seconds take. */
export function milliseconds(clock: Clock, azureSeconds: number): number {
  return (azureSeconds * 1000) / clock.speed
}

/** A Retry-After for so many of Azure's seconds: whole seconds of this clock, and 0 where less than half a second. */
export function retryAfter(clock: Clock, azureSeconds: number): string {
  return String(Math.round(azureSeconds / clock.speed))
}
