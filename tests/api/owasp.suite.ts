// The OWASP API Security Top 10 of 2023, each tried (the second in tokens.suite.ts): https://owasp.org/API-Security/editions/2023/en/0x11-t10/
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import { paid } from '../money/paid.ts'
import { type ApiPlayer, ask, needed, signIn } from './client-of.ts'
import { type Answered, conformity } from './conformity.ts'
import { type ApiDocument, readDocument, type Schema } from './document.ts'
import type { FrontStack } from './front.ts'

export function owaspTopTenHolds(stackOf: () => FrontStack): void {
  describe('OWASP API Security Top 10', () => {
    let stack: FrontStack
    let document: ApiDocument
    let asha: ApiPlayer
    let mallory: ApiPlayer
    let sessionId: string
    let topUpId: string
    let refundId: string
    beforeAll(async () => {
      stack = stackOf()
      document = await readDocument(stack)
      asha = await signIn(stack, 'Asha')
      mallory = await signIn(stack, 'Mallory')
      await Promise.all([asha.isCredited(500), mallory.isCredited(500)])
      sessionId = needed((await asha.post('/v1/sessions', { game: 'star-caravan', tier: 'standard' })).json.id)
      topUpId = needed((await asha.post('/v1/top-ups', { amountPaise: 10_000 })).json.id)
      const paymentId = await paid(stack.database, { playerId: asha.id, amountPaise: 10_000n })
      refundId = needed((await asha.post('/v1/refunds', { paymentId })).json.id)
    })

    const me = (token: string) => ask(stack.publicUrl, '/v1/me', { token })

    test('API1, object level: another’s things answer word for word as things that are not there', async () => {
      const nobody = '0'.repeat(26)
      const without = (text: string) => text.replaceAll(/"requestId":"[^"]+"/g, '')
      const tried = document.operations.filter(({ path }) => path.includes('{'))
      expect(tried.length).toBeGreaterThanOrEqual(8)
      for (const { id, method, path } of tried) {
        const own = path.replace('{sessionId}', sessionId).replace('{topUpId}', topUpId).replace('{refundId}', refundId)
        const none = path.replaceAll(/\{\w+\}/g, nobody)
        const [hers, nobodys] = [await mallory.get(own, { method }), await mallory.get(none, { method })]
        expect([id, hers.status]).toEqual([id, 404])
        expect(without(hers.text)).toBe(without(nobodys.text))
      }
      expect((await asha.get(`/v1/sessions/${sessionId}`)).json.desiredState).toBe('Running')
      for (const list of ['/v1/sessions', '/v1/top-ups', '/v1/payments', '/v1/refunds']) {
        expect(JSON.stringify((await mallory.get(list)).json)).not.toContain(asha.id)
        expect((await mallory.get(list)).json.items).toEqual([])
      }
    })

    test('API3, property level: nothing may be set that is not offered, and nothing is shown that is nobody’s business', async () => {
      const odd = { playerId: mallory.id, id: sessionId, chargedPaise: 0, paidSeconds: 31_536_000, ratePaisePerHour: 1 }
      for (const [name, value] of Object.entries(odd)) {
        const body = { game: 'star-caravan', tier: 'standard', [name]: value }
        const { status, json } = await mallory.post('/v1/sessions', body)
        expect([name, status, json.code]).toEqual([name, 422, 'InvalidRequest'])
        expect(JSON.stringify(json.faults)).toContain(name)
      }
      expect(
        (await mallory.post('/v1/top-ups', { amountPaise: 10_000, creditedAt: '2026-01-01T00:00:00Z' })).status,
      ).toBe(422)
      const refund = { paymentId: 'pay_none', playerId: asha.id, rail: 'Stars', state: 'Processed' }
      expect((await mallory.post('/v1/refunds', refund)).status).toBe(422)
      const shown = JSON.stringify([
        (await asha.get(`/v1/sessions/${sessionId}`)).json,
        (await asha.get('/v1/me/export')).json,
        (await asha.get('/v1/catalogue')).json,
      ])
      for (const hidden of [
        'objectUid',
        'seenVersion',
        'linkId',
        'look_at',
        'hash',
        '/subscriptions/',
        'Standard_NV',
      ]) {
        expect(shown, hidden).not.toContain(hidden)
      }
    })

    test('API4, resource consumption: bodies, pages, keys and streams have limits, and every route has one per minute', async () => {
      const signInPath = '/v1/sign-in/mini-app'
      const operation = needed(document.operations.find(({ path }) => path === signInPath))
      for (const length of [{ 'Content-Length': 300_000 }, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await answerToHuge(stack.publicUrl + signInPath, length)
        expect(answer.status).toBe(413)
        conformity(document).conforms(operation, answer)
      }
      for (const limit of ['101', '0', '-1', '1e9', '9'.repeat(50)]) {
        expect((await asha.get(`/v1/sessions?limit=${limit}`)).status, limit).toBe(422)
      }
      expect((await asha.post('/v1/top-ups', { amountPaise: 10_000 }, { key: 'x'.repeat(256) })).status).toBe(400)
      const deep = `{"game":${'['.repeat(5000)}${']'.repeat(5000)}}`
      expect((await asha.post('/v1/sessions', deep)).status).toBe(422)
      // Whatever it costs us, a player has one machine at a time.
      const all = await Promise.all(
        Array.from({ length: 10 }, () => mallory.post('/v1/sessions', { game: 'star-caravan', tier: 'light' })),
      )
      expect(all.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(1)
      expect(needed((await mallory.get('/v1/sessions')).json.items).length).toBeLessThanOrEqual(1)
    })

    test('API5, function level: what is for guests and services is for them alone, and no method is left open', async () => {
      const reply = await mallory.post('/v1/guest/report', { incarnation: 1, connected: true })
      expect(reply.json.code).toBe('GuestTokenInvalid')
      for (const { path } of document.operations) {
        const known = document.operations.filter(each => each.path === path).map(({ method }) => method as string)
        for (const method of ['PUT', 'PATCH', 'DELETE', 'POST'].filter(each => !known.includes(each))) {
          const target = `${stack.publicUrl}${path.replaceAll(/\{\w+\}/g, sessionId)}`
          const { status } = await fetch(target, { method, headers: { Authorization: `Bearer ${asha.token}` } })
          expect([404, 405], `${method} ${path}`).toContain(status)
        }
      }
      for (const path of [
        '/v1/players',
        '/v1/admin',
        '/v1/service-tokens',
        '/metrics',
        '/simulator/state',
        '/v1/../admin',
      ]) {
        expect((await asha.get(path)).status, path).toBe(404)
      }
    })

    test('API6, business flows: money moves once however often and at once it is asked for', async () => {
      const carol = await signIn(stack, 'Carol')
      await carol.isCredited(500)
      // Enough for ten: it is held for one block of one session all the same.
      const asked = Array.from({ length: 10 }, () =>
        carol.post('/v1/sessions', { game: 'paper-kingdoms', tier: 'light' }),
      )
      const started = (await Promise.all(asked)).filter(({ status }) => status === 201)
      expect(started).toHaveLength(1)
      const { pricePaisePerHour, paidSeconds } = started[0]?.json ?? {}
      expect(paidSeconds).toBe(900)
      const { json } = await carol.get('/v1/wallet')
      const heldPaise = (Number(pricePaisePerHour) * 900) / 3600
      expect(json).toMatchObject({ balancePaise: 50_000, heldPaise, availablePaise: 50_000 - heldPaise })
      expect(heldPaise).toBeGreaterThan(0)
      expect((await carol.get('/v1/sessions')).json.items).toHaveLength(1)
      // A top-up is only a wish: any number of them credits nothing.
      await Promise.all(Array.from({ length: 5 }, () => carol.post('/v1/top-ups', { amountPaise: 1_000_000 })))
      expect((await carol.get('/v1/wallet')).json.balancePaise).toBe(50_000)
    })

    test('API7, request forgery: no route takes an address, by the document and in fact', async () => {
      const namesOf = (given: Schema | undefined): string[] => {
        if (given === undefined) return []
        const schema = document.resolve(given)
        return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => [
          ...(each.format === 'uri' || /url|uri|callback|redirect|webhook|host/i.test(name) ? [name] : []),
          ...namesOf(each),
        ])
      }
      for (const { id, body, parameters } of document.operations) {
        expect([id, ...namesOf(body)]).toEqual([id])
        expect([id, ...parameters.filter(({ name }) => /url|uri|callback|redirect|host/i.test(name))]).toEqual([id])
      }
      const there = 'http://169.254.169.254/latest/meta-data'
      const begun = await ask(stack.publicUrl, `/v1/sign-in/openid?redirect_uri=${there}`, {
        method: 'POST',
        headers: { Host: 'evil.example.com', 'X-Forwarded-Host': 'evil.example.com' },
      })
      expect(begun.json.authorizationUrl).not.toMatch(/169\.254|evil/)
      const topUp = await asha.post(
        '/v1/top-ups',
        { amountPaise: 10_000 },
        { headers: { 'X-Forwarded-Host': 'evil.example.com' } },
      )
      expect(topUp.json.url).toContain(`${stack.publicUrl}/top-up/`)
    })

    test('API8, misconfiguration: secure headers, no stack, no banner, no foreign origin, and errors say nothing of the inside', async () => {
      const replies = await Promise.all([
        asha.get('/v1/wallet'),
        asha.get('/v1/nowhere'),
        asha.post('/v1/sessions', '{'),
        ask(stack.publicUrl, '/v1/me'),
      ])
      for (const { headers, text } of replies) {
        expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
        expect(headers.get('X-Frame-Options')).toBe('DENY')
        expect(headers.get('Strict-Transport-Security')).toMatch(/max-age/)
        expect(headers.get('X-Powered-By')).toBeNull()
        expect(headers.get('Server')).toBeNull()
        expect(text).not.toMatch(/at .*\.ts|node_modules|postgres|SELECT|stack/i)
      }
      for (const [origin, allowed] of [
        ['https://evil.example.com', null],
        ['https://portal.example.com.evil.example.com', null],
        ['null', null],
        ['https://portal.example.com', 'https://portal.example.com'],
      ] as const) {
        const preflight = await fetch(`${stack.publicUrl}/v1/sessions`, {
          method: 'OPTIONS',
          headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
        })
        const shared = await asha.get('/v1/wallet', { headers: { Origin: origin } })
        for (const { headers } of [preflight, shared]) {
          expect([origin, headers.get('Access-Control-Allow-Origin')]).toEqual([origin, allowed])
          expect(headers.get('Access-Control-Allow-Credentials')).toBeNull()
          expect(headers.get('Vary')).toContain('Origin')
        }
        if (allowed === null) continue
        expect(preflight.headers.get('Access-Control-Allow-Headers')).toContain('Idempotency-Key')
        expect(shared.headers.get('Access-Control-Expose-Headers')).toContain('RateLimit-Remaining')
      }
    })

    test('API9, inventory: everything that is served is documented or known, in one version', () => {
      const served = new Set(stack.application.routes.filter(({ method }) => method !== 'ALL').map(({ path }) => path))
      const known = [
        ...document.operations.map(({ path }) => path.replaceAll(/\{(\w+)\}/g, ':$1')),
        ...['/healthz', '/readyz', '/webhooks/telegram', '/webhooks/razorpay', '/openapi.json'],
      ]
      const other = [...served].filter(
        path => !known.includes(path) && !/^\/(reference|top-up)\b/.test(path) && !path.endsWith('*'),
      )
      expect(other).toEqual([])
      expect(document.operations.every(({ path }) => path.startsWith('/v1/'))).toBe(true)
    })

    test('API10, other’s APIs: what Telegram and the operator answer is parsed, bounded and never followed', async () => {
      const person = await stack.telegram.person('Eve')
      const { json } = await ask(stack.publicUrl, '/v1/sign-in/openid', { method: 'POST' })
      const back = await person.confirms(needed(json.authorizationUrl))
      const { code, state } = Object.fromEntries(back.searchParams)
      const name = '<script>alert(1)</script>'.repeat(100)
      await stack.telegram.control('POST', '/login/tamper', { claims: { name, picture: 'http://169.254.169.254/' } })
      const body = { attempt: json.attempt, code, state }
      const done = await ask(stack.publicUrl, '/v1/sign-in/openid/complete', { method: 'POST', body })
      expect(done.status).toBe(200)
      const { firstName } = (await me(needed(done.json.accessToken))).json
      expect(needed(firstName).length).toBeLessThanOrEqual(128)
      const page = await asha.get('/v1/quotes?game=star-caravan&tier=standard')
      expect(page.json.expectedStart).toEqual({ seconds: 94, sessionsAhead: 2 })
    })
  })
}

/** On a connection of its own: the server closes it, rather than take in the rest. Where no length is told, it is sent. */
async function answerToHuge(url: string, length: Record<string, string | number>): Promise<Answered> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID(), ...length }
  const sent = request(url, { method: 'POST', agent: false, headers })
  sent.on('error', () => undefined)
  sent.write('{"initData":"')
  if (length['Content-Length'] === undefined) sent.write('x'.repeat(300_000))
  const [reply]: IncomingMessage[] = await once(sent, 'response')
  if (!reply) throw new Error('Nothing was answered.')
  const told = Object.entries(reply.headersDistinct).map(([name, values = []]): [string, string] => [
    name,
    values.join(),
  ])
  const answer = { status: reply.statusCode ?? 0, headers: new Headers(told), text: await text(reply) }
  sent.destroy()
  return answer
}
