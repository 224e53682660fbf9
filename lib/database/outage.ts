// An outage is told when it begins and when it ends, not with every try in between.
import type { Logger } from '../telemetry/log.ts'

export interface Outage {
  failed(error: unknown): void
  /** Something went right. */
  over(): void
}

/** `what` cannot be done during the outage: "The sessions cannot be metered". */
export function outage(log: Logger, what: string): Outage {
  let isUnderWay = false
  return {
    failed(error) {
      if (!isUnderWay) log.error({ error }, what)
      isUnderWay = true
    },
    over() {
      if (isUnderWay) log.info({}, `Over: ${what}`)
      isUnderWay = false
    },
  }
}
