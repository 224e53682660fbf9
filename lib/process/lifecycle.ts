// A program's life: it runs until `main` returns, a signal asks it to stop, or something breaks that nobody caught.
//
// Running: SIGTERM or SIGINT aborts `stopping`; `main` drains and returns: exit 0.
// Stopping: a second signal, or the deadline, ends it at once: exit 1. So does an error at any time.
import type { Logger } from '../telemetry/log.ts'

/** Seconds to drain in after the first signal. Below Kubernetes' own 30 s plus what a preStop takes, set the pod's higher. */
export const DRAIN_SECONDS = 30

/** The little of `process` that a lifecycle needs, so that a test can play the kernel. */
export interface HostProcess {
  on(event: string, listener: (value: unknown) => void): unknown
  exit(code: number): void
}

export interface RunOptions {
  log: Logger
  drainSeconds?: number
  host?: HostProcess
}

/**
 * Runs `main` and exits the process with it: 0 when it returns, 1 when it throws. Its signal is aborted by the first
 * SIGTERM or SIGINT. An error that carries our own `code` for bad input is told by its message alone, without a stack.
 */
export async function run(main: (stopping: AbortSignal) => Promise<void>, options: RunOptions): Promise<void> {
  const { log, drainSeconds = DRAIN_SECONDS, host = process } = options
  const stop = new AbortController()

  const broken = (error: unknown) => {
    if (isBadInput(error)) log.fatal({ code: error.code }, error.message)
    else log.fatal({ error }, 'The program cannot go on')
    host.exit(1)
  }
  const asked = (signal: string) => {
    if (stop.signal.aborted) {
      log.warn({ signal }, 'Asked a second time to stop, ending at once')
      host.exit(1)
      return
    }
    log.info({ signal, drainSeconds }, 'Asked to stop, draining')
    stop.abort(new Error(`${signal} asked the program to stop`))
    const deadline = setTimeout(() => {
      log.error({ drainSeconds }, 'Not drained by the deadline, ending with work under way')
      host.exit(1)
    }, drainSeconds * 1000)
    deadline.unref()
  }

  host.on('SIGTERM', () => asked('SIGTERM'))
  host.on('SIGINT', () => asked('SIGINT'))
  host.on('uncaughtException', broken)
  host.on('unhandledRejection', broken)

  try {
    await main(stop.signal)
  } catch (error) {
    broken(error)
    return
  }
  log.info({}, 'Stopped')
  host.exit(0)
}

/** What a person did wrong and can mend: a stack would only bury the words. */
const BAD_INPUT_CODES: readonly unknown[] = ['InvalidSettings', 'InvalidCatalogue', 'InvalidArguments', 'NoCredentials']

function isBadInput(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && BAD_INPUT_CODES.includes(error.code)
}
