// What a person is to be woken for, counted.
import { Counter, type Registry } from 'prom-client'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { RaiseReason, SessionsOutside } from './outside.ts'

const reasons = [
  'ObjectGone',
  'ObjectForeign',
  'ObjectUnknown',
  'FigureImpossible',
  'ChangeRefused',
] as const satisfies RaiseReason[]

/** Registers `wasd_api_raised_total`; once per registry. */
export function createRaise({ registry, log }: { registry: Registry; log: Logger }): SessionsOutside['raise'] {
  const raised = new Counter({
    name: 'wasd_api_raised_total',
    help: 'Things that cannot be between books and cluster, and that a person has to look at',
    labelNames: ['reason'],
    registers: [registry],
  })
  for (const reason of reasons) raised.inc({ reason }, 0)
  return (reason, fields) => {
    raised.inc({ reason })
    log.error({ ...fields, reason }, 'Books and cluster contradict each other')
  }
}
