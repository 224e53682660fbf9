// The API as a document: OpenAPI 3.1, from the same descriptions by which requests are checked and routes protected.
import { OpenAPIHono, type RouteConfig } from '@hono/zod-openapi'
import type { Protection } from './api.ts'
import { catalogueDescriptions } from './catalogue.ts'
import { exportDescriptions } from './export.ts'
import { guestDescriptions } from './guest.ts'
import { HEADERS, headersOf } from './header-descriptions.ts'
import { meDescriptions } from './me.ts'
import { topUpDescriptions } from './payments.ts'
import { quoteDescriptions } from './quotes.ts'
import { receiptDescriptions } from './receipts.ts'
import { refundDescriptions } from './refunds.ts'
import { sessionEventDescriptions } from './session-events.ts'
import { sessionDescriptions } from './sessions.ts'
import { signInDescriptions } from './sign-in.ts'
import { walletDescriptions } from './wallet.ts'

export const descriptions = [
  ...signInDescriptions,
  ...meDescriptions,
  ...exportDescriptions,
  ...catalogueDescriptions,
  ...quoteDescriptions,
  ...sessionDescriptions,
  ...sessionEventDescriptions,
  ...receiptDescriptions,
  ...walletDescriptions,
  ...topUpDescriptions,
  ...refundDescriptions,
  ...guestDescriptions,
]

const DESCRIPTION = `Games on GPU machines, prepaid by the second.

Sign in for an access token, and send it as \`Authorization: Bearer\`. Every POST carries an \`Idempotency-Key\`: sent again
with the same key, a request is answered again and not done again (\`Idempotency-Replayed: true\`); a refused one is tried
anew. What is refused is told as a problem (RFC 9457): \`code\` never changes, \`detail\` says what to do, \`faults\` where a
request does not fit. Lists come in pages: ask with the \`nextCursor\` of the last, which is good for its list alone.
\`RateLimit-*\` say what is left of the minute. Amounts are whole paise. Times are UTC.`

export function openApiDocument({ publicUrl }: { publicUrl: string }) {
  const app = new OpenAPIHono()
  const { openAPIRegistry: registry } = app
  const bearer = { type: 'http', scheme: 'bearer' } as const
  registry.registerComponent('securitySchemes', 'player', {
    ...bearer,
    bearerFormat: 'JWT',
    description: 'A player’s access token, from /v1/sign-in.',
  })
  registry.registerComponent('securitySchemes', 'service', {
    ...bearer,
    description: 'A service’s token, with the scope that is named, and the player in the header Wasd-Player.',
  })
  registry.registerComponent('securitySchemes', 'guest', {
    ...bearer,
    bearerFormat: 'JWT',
    description: 'The token that the operator signed for a machine.',
  })
  for (const [name, header] of Object.entries(HEADERS)) registry.registerComponent('headers', name, header)
  for (const description of descriptions) registry.registerPath(shown(description))
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'WASD Cloud', version: '1', description: DESCRIPTION },
    servers: [{ url: publicUrl }],
    security: [],
  })
}

/** Without what is only for us, how a route is guarded; with the headers of its replies. */
function shown(description: RouteConfig & Protection): RouteConfig {
  const { 'x-rate-limit': _limit, 'x-keeps-reply': _keepsReply, ...route } = description
  const responses = Object.entries(route.responses).map(([status, response]) => [
    status,
    { ...response, headers: headersOf({ method: route.method, status: Number(status) }) },
  ])
  return { ...route, responses: Object.fromEntries(responses) }
}
