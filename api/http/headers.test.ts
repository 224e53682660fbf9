import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { expect, test } from 'vitest'
import { SECURE_HEADERS } from './headers.ts'

test('the secure headers are those of the library, as we would have it say them', async () => {
  const app = new Hono()
    .use(secureHeaders({ xFrameOptions: 'DENY', referrerPolicy: 'no-referrer' }))
    .get('/', context => context.body(null))
  const { headers } = await app.request('/')
  expect(Object.fromEntries(headers)).toEqual(SECURE_HEADERS)
})
