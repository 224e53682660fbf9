// Signing in with Telegram, by OpenID Connect and from the Mini App, and what becomes of the tokens.
import { createHmac } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { ask, signIn, tokensSchema } from './client-of.ts'
import { type FrontStack, LOGIN_PAGE } from './front.ts'

export function signInHolds(stackOf: () => FrontStack): void {
  describe('signing in', () => {
    let stack: FrontStack
    beforeAll(() => {
      stack = stackOf()
    })

    const post = (path: string, body?: unknown, key?: string) =>
      ask(stack.publicUrl, path, { method: 'POST', body, ...(key === undefined ? {} : { key }) })

    async function begun() {
      const { status, json } = await post('/v1/sign-in/openid')
      expect(status).toBe(201)
      return json as { attempt: string; authorizationUrl: string }
    }

    /** Back from Telegram, with code and state in the address. */
    async function confirmed(firstName = 'Asha') {
      const { attempt, authorizationUrl } = await begun()
      const person = await stack.telegram.person(firstName)
      const back = await person.confirms(authorizationUrl)
      expect(back.href).toMatch(new RegExp(`^${LOGIN_PAGE}\\?`))
      const { code = '', state = '' } = Object.fromEntries(back.searchParams)
      return { attempt, code, state, person }
    }

    const complete = (body: { attempt: string; code: string; state: string }) =>
      post('/v1/sign-in/openid/complete', body)

    test('with Telegram’s login: sent there, confirmed, back, and it is the player of the chat', async () => {
      const { person, ...back } = await confirmed()
      const reply = await complete(back)
      expect(reply.status, reply.text).toBe(200)
      const { accessToken } = tokensSchema.parse(reply.json)
      const me = await ask(stack.publicUrl, '/v1/me', { token: accessToken })
      expect(me.json).toMatchObject({ firstName: 'Asha', telegramUserId: String(person.chatId) })

      await person.writes('/start')
      await person.reads('Hi Asha')
      const [players] = await stack.database`
    SELECT count(*)::int AS n FROM players WHERE telegram_user_id = ${person.chatId}`
      expect(players?.n).toBe(1)
    })

    test('the address to which the browser is sent carries PKCE, state and nonce, and no secret', async () => {
      const { attempt, authorizationUrl } = await begun()
      const { searchParams } = new URL(authorizationUrl)
      expect(Object.fromEntries(searchParams)).toMatchObject({
        response_type: 'code',
        code_challenge_method: 'S256',
        redirect_uri: LOGIN_PAGE,
        client_id: stack.telegram.token.split(':')[0],
      })
      for (const name of ['state', 'nonce', 'code_challenge']) expect(searchParams.get(name)).toMatch(/^[\w-]{43}$/)
      expect(authorizationUrl).not.toContain(attempt)
      expect(authorizationUrl).not.toContain(stack.telegram.loginSecret)
    })

    test.each([
      ['another’s attempt', async () => ({ ...(await confirmed()), attempt: (await begun()).attempt })],
      ['a state that is not its own', async () => ({ ...(await confirmed()), state: (await confirmed()).state })],
      ['an attempt that was never begun', async () => ({ ...(await confirmed()), attempt: 'x'.repeat(43) })],
    ])('%s cannot be finished: a link signs nobody in to another’s account', async (_name, made) => {
      const { attempt, code, state } = await made()
      const reply = await complete({ attempt, code, state })
      expect(reply.status).toBe(401)
      expect(reply.json.code).toBe('SignInUnknown')
    })

    test('a sign-in is finished once', async () => {
      const { attempt, code, state } = await confirmed()
      expect((await complete({ attempt, code, state })).status).toBe(200)
      expect((await complete({ attempt, code, state })).json.code).toBe('SignInUnknown')
    })

    test('a code that is not Telegram’s is refused, and the attempt may be finished with the right one', async () => {
      const { attempt, code, state } = await confirmed()
      expect((await complete({ attempt, code: 'guessed', state })).json.code).toBe('SignInRefused')
      expect((await complete({ attempt, code, state })).status).toBe(200)
    })

    test.each([
      ['unsigned (alg none)', { algorithm: 'none' }],
      ['signed with the public key as a secret', { algorithm: 'HS256' }],
      ['signed by another key', { algorithm: 'OtherKey' }],
      ['for another audience', { claims: { aud: '1234' } }],
      ['from another issuer', { claims: { iss: 'https://evil.example.com' } }],
      ['of another sign-in (nonce)', { claims: { nonce: 'x'.repeat(43) } }],
      ['without a nonce', { claims: { nonce: undefined } }],
      ['that has expired', { claims: { exp: 1_700_000_000 } }],
      ['without the user’s id', { claims: { id: null } }],
    ])('an ID token %s signs nobody in', async (_name, tampering) => {
      const { attempt, code, state } = await confirmed()
      const claims = { ...('claims' in tampering ? tampering.claims : {}) }
      const isWithout = 'nonce' in claims && claims.nonce === undefined
      await stack.telegram.control('POST', '/login/tamper', {
        ...tampering,
        ...(isWithout ? { claims: { nonce: null } } : {}),
      })
      const reply = await complete({ attempt, code, state })
      expect(reply.status).toBe(401)
      expect(reply.json.code).toBe('SignInRefused')
    })

    test('I8: while Telegram does not answer, that is said, and the attempt stays good', async () => {
      const { attempt, code, state } = await confirmed()
      await stack.telegram.control('POST', '/login/tamper', { token_status: 503 })
      const reply = await complete({ attempt, code, state })
      expect(reply.status).toBe(503)
      expect(reply.json.code).toBe('SignInUnavailable')
      expect((await complete({ attempt, code, state })).status).toBe(200)
    })

    test('from the Mini App: the player of the chat, and the data is exchanged once', async () => {
      const person = await stack.telegram.person('Ben')
      const initData = await person.opensMiniApp()
      expect((await post('/v1/sign-in/mini-app', { initData })).status).toBe(200)
      const again = await post('/v1/sign-in/mini-app', { initData })
      expect(again.json.code).toBe('MiniAppDataSpent')
      const turned = [...new URLSearchParams(initData)].reverse()
      const other = await post('/v1/sign-in/mini-app', { initData: new URLSearchParams(turned).toString() })
      expect(other.json.code).toBe('MiniAppDataSpent')
    })

    test.each([
      ['of which a field was changed', 'MiniAppDataInvalid', (data: string) => data.replace('Ben', 'Bob')],
      ['without a hash', 'MiniAppDataInvalid', (data: string) => data.replace(/hash=\w+/, '')],
      ['with a field twice', 'MiniAppDataInvalid', (data: string) => `${data}&user=%7B%7D`],
      ['that is no data at all', 'MiniAppDataInvalid', () => 'hello'],
    ])('Mini App data %s is refused', async (_name, code, change) => {
      const person = await stack.telegram.person('Ben')
      const reply = await post('/v1/sign-in/mini-app', { initData: change(await person.opensMiniApp()) })
      expect(reply.status).toBe(401)
      expect(reply.json.code).toBe(code)
    })

    test('Mini App data is good for ten minutes, and not ahead of its time', async () => {
      const person = await stack.telegram.person('Ben')
      const at = async (seconds: number) => {
        const initData = await person.opensMiniApp(Math.floor(Date.now() / 1000) + seconds)
        return (await post('/v1/sign-in/mini-app', { initData })).json.code
      }
      expect(await at(-590)).toBeUndefined()
      expect(await at(-610)).toBe('MiniAppDataExpired')
      expect(await at(+120)).toBe('MiniAppDataInvalid')
    })

    test('Mini App data signed with another bot’s token is refused', async () => {
      const person = await stack.telegram.person('Ben')
      const fields = new URLSearchParams(await person.opensMiniApp())
      fields.delete('hash')
      const text = [...fields]
        .map(([name, value]) => `${name}=${value}`)
        .sort()
        .join('\n')
      const key = createHmac('sha256', 'WebAppData').update('7000000002:other').digest()
      fields.set('hash', createHmac('sha256', key).update(text).digest('hex'))
      expect((await post('/v1/sign-in/mini-app', { initData: fields.toString() })).json.code).toBe('MiniAppDataInvalid')
    })

    test('a refresh token is good once; used again it ends the whole sign-in', async () => {
      const { tokens } = await signIn(stack, 'Cara')
      const first = await post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken })
      expect(first.status).toBe(200)
      const second = await post('/v1/sign-in/refresh', { refreshToken: first.json.refreshToken })
      expect(second.status).toBe(200)
      expect((await post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken })).json.code).toBe(
        'RefreshTokenReused',
      )
      expect((await post('/v1/sign-in/refresh', { refreshToken: second.json.refreshToken })).json.code).toBe(
        'RefreshTokenInvalid',
      )
    })

    test('a refresh that lost its reply is repeated under its key, and gets the very same pair', async () => {
      const { tokens } = await signIn(stack, 'Cara')
      const key = crypto.randomUUID()
      const lost = await post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken }, key)
      const repeated = await post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken }, key)
      expect(repeated.headers.get('Idempotency-Replayed')).toBe('true')
      expect(repeated.json).toEqual(lost.json)
      expect((await post('/v1/sign-in/refresh', { refreshToken: lost.json.refreshToken })).status).toBe(200)
    })

    test('of two exchanges of one refresh token at once one succeeds, and the sign-in is ended', async () => {
      const { tokens } = await signIn(stack, 'Cara')
      const both = await Promise.all(
        [1, 2].map(() => post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken })),
      )
      expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
      const won = both.find(({ status }) => status === 200)
      expect((await post('/v1/sign-in/refresh', { refreshToken: won?.json.refreshToken })).status).toBe(401)
    })

    test('what is stored opens nothing: no token stands in the database', async () => {
      const { tokens } = await signIn(stack, 'Cara')
      const key = crypto.randomUUID()
      const { json } = await post('/v1/sign-in/refresh', { refreshToken: tokens.refreshToken }, key)
      const [stored] = await stack.database`SELECT sealed_body FROM idempotent_requests WHERE key = ${key}`
      const dump = JSON.stringify(await stack.database`SELECT * FROM refresh_tokens`) + String(stored?.sealed_body)
      for (const secret of [tokens.refreshToken, json.refreshToken, json.accessToken])
        expect(dump).not.toContain(secret)
    })

    test('signed out, nothing can be changed any more; another device goes on, unless everywhere was asked for', async () => {
      const phone = await signIn(stack, 'Dev')
      const initData = await phone.person.opensMiniApp()
      const laptop = tokensSchema.parse((await post('/v1/sign-in/mini-app', { initData })).json)
      const write = (token: string) =>
        ask(stack.publicUrl, '/v1/top-ups', { method: 'POST', body: { amountPaise: 10_000 }, token })

      expect((await phone.post('/v1/sign-in/end', {})).status).toBe(204)
      expect((await write(phone.token)).json.code).toBe('SignedOut')
      expect((await post('/v1/sign-in/refresh', { refreshToken: phone.tokens.refreshToken })).json.code).toBe(
        'RefreshTokenInvalid',
      )
      expect((await write(laptop.accessToken)).status).toBe(201)
      const everywhere = { method: 'POST', body: { everywhere: true }, token: laptop.accessToken } as const
      expect((await ask(stack.publicUrl, '/v1/sign-in/end', everywhere)).status).toBe(204)
      expect((await write(laptop.accessToken)).json.code).toBe('SignedOut')
    })
  })
}
