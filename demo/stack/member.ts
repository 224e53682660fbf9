// One server of the stack: it can be stopped, killed and started again, on the same port and data.
import { systemClock } from '../../lib/process/clock.ts'
import { type Child, type Command, start, untilReady } from './processes.ts'

/** Seconds to come up in: one or two on an idle machine, more where several clusters start at once. */
const READY_SECONDS = 120

export interface Member {
  readonly name: string
  isRunning(): boolean
  /** Resolves when it is ready to serve; nothing when it runs already. Throws `ProcessError`. */
  start(): Promise<void>
  /** In good order. Resolves when it is gone. */
  stop(): Promise<void>
  /** SIGKILL ends it as a crash would, SIGSTOP and SIGCONT hang it for a while. */
  kill(signal: NodeJS.Signals): void
  /** Resolves when the process that runs now has ended. */
  ended(): Promise<void>
}

export function member(command: Command, isReady: () => Promise<boolean>): Member {
  let child: Child | undefined
  return {
    name: command.name,
    isRunning: () => child?.isRunning() ?? false,
    async start() {
      if (child?.isRunning()) return
      child = await start(command)
      await untilReady({ child, isReady, seconds: READY_SECONDS, clock: systemClock })
    },
    async stop() {
      await child?.stop()
    },
    kill: signal => child?.kill(signal),
    async ended() {
      await child?.ended
    },
  }
}
