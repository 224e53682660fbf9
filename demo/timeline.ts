// What the demo prints: one line for each thing that happened, when and by whom, as a person likes to read it.
import type { Clock } from '../lib/process/clock.ts'

export type Actor = 'stack' | 'gamer' | 'bot' | 'web' | 'operator' | 'azure' | 'sre' | 'mallory'

/** Terminal colours (ECMA-48 SGR numbers), so that the eye finds who speaks. */
const colours: Record<Actor, number> = {
  stack: 90,
  gamer: 36,
  bot: 32,
  web: 34,
  operator: 33,
  azure: 35,
  sre: 96,
  mallory: 31,
}
const ACTOR_WIDTH = 9
/** Seconds between two signs of life where no line can be rewritten. */
const SIGN_SECONDS = 10

export interface Timeline {
  chapter(title: string): void
  say(actor: Actor, text: string): void
  /** Several lines as they are, such as a command's output. */
  quote(text: string): void
  /** Shows that something is waited for until `work` is settled. */
  waiting<Result>(label: string, work: Promise<Result>): Promise<Result>
  seconds(): number
}

export function createTimeline(options: {
  clock: Clock
  write: (text: string) => void
  isTerminal: boolean
}): Timeline {
  const { clock, write, isTerminal } = options
  const began = clock.monotonic()
  const seconds = () => (clock.monotonic() - began) / 1000
  const paint = (colour: number, text: string) => (isTerminal ? `\u001b[${colour}m${text}\u001b[0m` : text)
  let waitingFor: { label: string; since: number } | undefined

  const stamp = () => paint(90, `${seconds().toFixed(1).padStart(6)}s`)
  const clearSign = () => {
    if (isTerminal && waitingFor) write('\r\u001b[2K')
  }
  const line = (actor: Actor, text: string) => {
    clearSign()
    const [first = '', ...rest] = text.split('\n')
    write(`${stamp()}  ${paint(colours[actor], actor.padEnd(ACTOR_WIDTH))} ${first}\n`)
    for (const more of rest) write(`${' '.repeat(9 + ACTOR_WIDTH + 1)}${more}\n`)
  }
  const sign = () => {
    if (!waitingFor) return
    const text = `${stamp()}  ${paint(90, `… ${waitingFor.label} (${Math.round(seconds() - waitingFor.since)} s)`)}`
    write(isTerminal ? `\r\u001b[2K${text}` : `${text}\n`)
  }

  return {
    seconds,
    chapter(title) {
      clearSign()
      write(`\n${paint(1, title)}\n`)
    },
    say: line,
    quote(text) {
      clearSign()
      for (const each of text.trimEnd().split('\n')) write(`           ${paint(90, '│')} ${each}\n`)
    },
    async waiting(label, work) {
      waitingFor = { label, since: seconds() }
      const settled = new AbortController()
      const signs = (async () => {
        while (!settled.signal.aborted) {
          await clock.sleep(isTerminal ? 1000 : SIGN_SECONDS * 1000, settled.signal).catch(() => undefined)
          if (!settled.signal.aborted) sign()
        }
      })()
      try {
        return await work
      } finally {
        settled.abort()
        await signs
        clearSign()
        waitingFor = undefined
      }
    },
  }
}
