// POST /v1/guest/report: how things stand on a machine, told by the agent that runs on it, with the token that the operator
// signed for it.
import { createRoute } from '@hono/zod-openapi'
import { guestReportReplySchema, guestReportSchema } from '../../crds/guest.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { takeReport } from '../sessions/guest-report.ts'
import { group, idempotencyKey, jsonBody, jsonReply, limitedBy, POSTED, problems, STORED } from './api.ts'
import { HttpError } from './errors.ts'

export interface GuestReportOutside {
  kube: KubeClient
  clock: Clock
}

const route = createRoute({
  security: [{ guest: [] }],
  ...limitedBy('report'),
  method: 'post',
  path: '/v1/guest/report',
  operationId: 'reportGuest',
  tags: ['Machines'],
  summary: 'How things stand on the machine',
  description:
    'All of it each time, changed or not. Only changes are written down; of changes in quick succession the first and, ' +
    'with a later report, the last. The reply hands out the next token, when there is one.',
  request: { headers: idempotencyKey, body: jsonBody(guestReportSchema.meta({ id: 'GuestReport' })) },
  responses: {
    200: jsonReply('Taken.', guestReportReplySchema.meta({ id: 'GuestReportReply' })),
    ...problems(...POSTED, ...STORED, 'GuestTokenInvalid', 'MachineOver'),
  },
})

export const guestDescriptions = [route]

export function guestRoutes({ kube, clock }: GuestReportOutside) {
  return group().openapi(route, async context => {
    const { machine, expiresAt: tokenExpiresAt } = context.get('guest')
    const order = { machine, report: context.req.valid('json'), tokenExpiresAt, now: clock.now() }
    const reply = await takeReport({ kube }, { ...order, signal: context.get('signal') }).catch((cause: unknown) => {
      // The cluster is away, or does not let us: nothing that the agent could mend.
      throw isKubeError(cause) ? new HttpError('Unavailable', { cause, retryAfterSeconds: 5 }) : cause
    })
    if (reply === 'MachineOver') throw new HttpError('MachineOver')
    if (reply.outcome !== 'Written') context.set('changedNothing', true)
    return context.json(reply, 200)
  })
}
