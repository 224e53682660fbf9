// `make demo`: one evening of play over the real parts, told as it happens, and an account of it at the end. Exits
// with 1 when anything that must always hold does not.
import { systemClock as clock } from '../lib/process/clock.ts'
import { gather, told } from './account/account.ts'
import { invariants } from './account/invariants.ts'
import { playEvening } from './evening/evening.ts'
import { createTimeline } from './timeline.ts'

/** Azure runs so many times as fast as the real one; so do the operator's polls and probes. Billing is in real time. */
const SPEED = 20

const write = (text: string) => process.stdout.write(text)
const timeline = createTimeline({ clock, write, isTerminal: process.stdout.isTTY === true })
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130) // Asked twice; what still runs is ended by its keeper.
    timeline.say('stack', 'Asked to stop: everything that was started is taken down')
    interrupted.abort(new Error(`${signal} broke the evening off`))
  })
}

try {
  const broken = await playEvening(
    { timeline, clock, speed: SPEED, stop: interrupted.signal },
    async (stores, notes) => {
      const findings = await invariants(stores, notes)
      write(`\n${told(await gather(stores), findings)}\n`)
      return findings.filter(({ holds }) => !holds).length
    },
  )
  write(broken === 0 ? '\nAll of it holds.\n' : `\n${broken} of the invariants are broken.\n`)
  process.exitCode = broken === 0 ? 0 : 1
} catch (error) {
  write(`\n${error instanceof Error ? error.message : error}\n`)
  process.exitCode = interrupted.signal.aborted ? 130 : 1
}
