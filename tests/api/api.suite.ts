// The JSON API as a client meets it, over the real Postgres.
import { request } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import { serviceTokenCommand } from '../../api/players/service-token-command.ts'
import { charge } from '../../api/wallet/holds.ts'
import { declineCredit, proposeCredit, proposedCredits } from '../../api/wallet/proposed-credits.ts'
import { issueReceipt } from '../../api/wallet/receipts.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { type ApiPlayer, type Asking, ask, needed, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

export function apiBehaves(stackOf: () => FrontStack): void {
  describe('the API', () => {
    let stack: FrontStack
    let asha: ApiPlayer
    beforeAll(async () => {
      stack = stackOf()
      asha = await signIn(stack, 'Asha')
      await asha.isCredited(500)
    })

    const wish = { game: 'star-caravan', tier: 'standard' }

    /** A player of their own, with money and a session. */
    async function playing(name: string) {
      const player = await signIn(stack, name)
      await player.isCredited(500)
      const { status, json, text } = await player.post('/v1/sessions', wish)
      expect(status, text).toBe(201)
      return { player, session: { ...json, id: needed(json.id) } }
    }

    const count = async (table: string) =>
      (await stack.database<{ n: number }[]>`SELECT count(*)::int AS n FROM ${stack.database(table)}`)[0]?.n

    /** As the operator's figures would change it. */
    async function happens(
      sessionId: string,
      change: { phase: string; host?: string; since?: Date | null; seconds?: number },
    ) {
      const { phase, host = null, since = null, seconds = 0 } = change
      await stack.database`
    UPDATE sessions SET seen_phase = ${phase}, seen_host = coalesce(${host}, seen_host), seen_since = ${since},
      seen_seconds = ${seconds} WHERE id = ${sessionId}`
    }

    test('the wallet says what is there, what is held and what is free', async () => {
      const { player } = await playing('Wanda')
      expect((await player.get('/v1/wallet')).json).toEqual({
        currency: 'INR',
        balancePaise: 50_000,
        heldPaise: 2_250,
        availablePaise: 47_750,
        owedPaise: 0,
      })
      const { items } = (await player.get('/v1/wallet/statement')).json
      const source = 'razorpay'
      expect(items).toMatchObject([{ kind: 'TopUp', amountPaise: 50_000, balancePaise: 50_000, source }])
    })

    test('a quote says price, minutes and what a start needs, and how long it takes as the operator has it', async () => {
      const { json } = await asha.get('/v1/quotes?game=star-caravan&tier=standard')
      expect(json).toMatchObject({
        pricePaisePerHour: 9_000,
        pricePaisePerMinute: 150,
        neededPaise: 150,
        isAffordable: true,
        minutes: 333,
        regions: ['centralindia'],
        expectedStart: { seconds: 94, sessionsAhead: 2 },
      })
      expect((await asha.get('/v1/quotes?game=tetris&tier=standard')).json.code).toBe('GameUnknown')
      expect((await asha.get('/v1/quotes?game=star-caravan&tier=gold')).json.code).toBe('TierUnknown')
      expect((await asha.get('/v1/quotes?game=star-caravan&tier=standard&region=mars')).json.code).toBe('RegionUnknown')
    })

    test('a top-up leads to our page, and is credited when it is paid', async () => {
      const { status, json } = await asha.post('/v1/top-ups', { amountPaise: 20_000 })
      expect(status).toBe(201)
      expect(json).toMatchObject({ rail: 'Razorpay', state: 'Open', amountPaise: 20_000 })
      expect(await (await fetch(needed(json.url))).text()).toContain('₹200.00')
      await stack.database`UPDATE top_ups SET credited_at = now() WHERE id = ${needed(json.id)}`
      const { url: _, ...credited } = (await asha.get(`/v1/top-ups/${json.id}`)).json
      expect(credited).toMatchObject({ id: json.id, state: 'Credited', creditedAt: expect.any(String) })
    })

    test('a session: started, paused, resumed, ended; each told as it stands', async () => {
      const { player, session } = await playing('Sam')
      const path = `/v1/sessions/${session.id}`
      expect(session).toMatchObject({
        ...wish,
        state: 'Starting',
        desiredState: 'Running',
        paidSeconds: 900,
        costPaise: 0,
      })
      expect((await player.post('/v1/sessions', wish)).json.code).toBe('SessionActive')

      await happens(session.id, { phase: 'Running', host: '203.0.113.5', since: new Date(Date.now() - 60_000) })
      const shown = (await player.get(path)).json
      expect(shown).toMatchObject({ state: 'Playing', host: '203.0.113.5' })
      expect(shown.costPaise).toBeGreaterThanOrEqual(150)
      expect((await player.post(`${path}/pause`)).json.desiredState).toBe('Paused')
      expect((await player.post(`${path}/resume`)).json.desiredState).toBe('Running')
      expect((await player.post(`${path}/end`)).json).toMatchObject({ desiredState: 'Ended', state: 'Stopping' })
      expect((await player.post(`${path}/resume`)).json.code).toBe('SessionEnding')

      await stack.settle(session.id, player.id)
      expect((await player.get(path)).json).toMatchObject({ state: 'Ended', endReason: 'PlayerEnded' })
      expect((await player.post(`${path}/pause`)).json.code).toBe('SessionOver')
      expect((await player.post(`${path}/end`)).status).toBe(200)
    })

    test.each([
      { word: 'end', status: 200, told: { state: 'Ended', endReason: 'PlayerEnded' } },
      { word: 'pause', status: 409, told: { code: 'SessionOver' } },
    ])('I8: a session that is settled while its player says $word is over, and not unknown', async about => {
      const { player, session } = await playing('Slow')
      const waiting = async () =>
        (await stack.admin`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'test'`)
          .count
      const asked: Promise<{ status: number; json: unknown }>[] = []
      await stack.settle(session.id, player.id, async () => {
        asked.push(player.post(`/v1/sessions/${session.id}/${about.word}`))
        await expect.poll(waiting, { interval: 10 }).toBe(1)
      })
      expect(await Promise.all(asked)).toMatchObject([{ status: about.status, json: about.told }])
    })

    test('with too little money nothing is started, and that is said', async () => {
      const poor = await signIn(stack, 'Poor')
      const before = await count('queue_items')
      const { status, json } = await poor.post('/v1/sessions', wish)
      expect(status).toBe(402)
      expect(json).toMatchObject({ code: 'InsufficientFunds', detail: expect.stringContaining('Top up') })
      expect((await poor.get('/v1/sessions')).json).toEqual({ items: [] })
      expect(await count('queue_items')).toBe(before)
    })

    test('all that is stored of a player is given to that player, as one file', async () => {
      const { player, session } = await playing('Ex')
      const { id: sessionId } = session
      const [now, tax, playerId] = [new Date(), { name: 'GST', basisPoints: 1800 }, player.id]
      const lines = [{ at: now.toISOString(), kind: 'Play', seconds: 60, paise: 150 } as const]
      await inTransaction(stack.database, async transaction => {
        await charge(transaction, { sessionId, playerId, playedSeconds: 60n, now })
        await issueReceipt(transaction, { sessionId, playerId, tax, lines, now })
        const slow = { sessionId, playerId, fault: 'RecoverySlow', amountPaise: 1500n, days: 30, now } as const
        await proposeCredit(transaction, { ...slow, occurrence: 'first', reason: 'It took long.' })
        await proposeCredit(transaction, { ...slow, occurrence: 'second', reason: 'It took long again.' })
      })
      const [first] = (await proposedCredits(stack.database, { limit: 100 })).filter(each => each.playerId === playerId)
      if (!first) throw new Error('One was proposed.')
      const decided = { id: first.id, author: 'asha', reason: 'Restarted on purpose', now }
      expect(await declineCredit(stack.database, decided)).toBe(true)
      const { headers, json } = await player.get('/v1/me/export')
      expect(headers.get('Content-Disposition')).toContain('attachment')
      expect(json).toMatchObject({
        player: { firstName: 'Ex', telegramUserId: String(player.person.chatId) },
        signIns: [{ method: 'MiniApp' }],
        statement: [
          { kind: 'Play', amountPaise: -150, balancePaise: 49_850, game: 'star-caravan', sessionId },
          { kind: 'TopUp', amountPaise: 50_000 },
        ],
        receipts: [{ sessionId, totalPaise: 150, tax: { name: 'GST', paise: 23 }, lines }],
        proposedCredits: [
          { sessionId, fault: 'RecoverySlow', amountPaise: 1500, reason: 'It took long again.' },
          { reason: 'It took long.', decision: 'Declined', decidedBecause: 'Restarted on purpose' },
        ],
        refunds: [],
        topUps: [],
        ...{ payments: [], disputes: [], paymentMessages: { count: 0, keptDays: 120 } },
        sessions: [{ id: session.id }],
        sessionEvents: [{ sessionId, state: 'Starting' }],
      })
    })

    test('deleted on request: not while a session lives, nor while money is left unless it is given up; the books stay', async () => {
      const { player, session } = await playing('Leaving Soon')
      const lives = await player.delete('/v1/me?forfeitMoney=true')
      expect([lives.status, lives.json.code]).toEqual([409, 'SessionLives'])
      await stack.settle(session.id, player.id)
      const left = await player.delete('/v1/me')
      expect([left.status, left.json.code]).toEqual([409, 'MoneyLeft'])
      expect((await player.get('/v1/me')).status).toBe(200)

      expect((await player.delete('/v1/me?forfeitMoney=true')).status).toBe(204)
      expect((await player.get('/v1/me')).json.code).toBe('Unauthenticated')
      expect((await player.post('/v1/top-ups', { amountPaise: 10_000 })).json.code).toBe('SignedOut')
      const rows = await stack.database`SELECT * FROM players WHERE id = ${player.id}`
      expect(rows[0]).toMatchObject({
        telegram_user_id: null,
        telegram_chat_id: null,
        first_name: '',
        language_code: null,
      })
      const [wallet] =
        await stack.database`SELECT posted_paise FROM wallet_balances WHERE account_id = ${`wallet:${player.id}`}`
      expect(wallet?.posted_paise).toBe(50_000n)

      const again = await signIn(stack, 'Leaving Soon')
      expect(again.id).not.toBe(player.id)
      await player.person.writes('/start')
      await player.person.reads('Your balance: ₹0.00')
    })

    test('nobody starts a session for a player who was deleted in the same moment', async () => {
      const player = await signIn(stack, 'Race')
      await player.isCredited(100)
      const [started, deleted] = await Promise.all([
        player.post('/v1/sessions', wish),
        player.delete('/v1/me?forfeitMoney=true'),
      ])
      const [living] = await stack.database`
    SELECT count(*)::int AS n FROM sessions JOIN players ON players.id = player_id
    WHERE player_id = ${player.id} AND deleted_at IS NOT NULL`
      expect(living?.n).toBe(0)
      expect([started.status, deleted.status]).toContain(deleted.status === 204 ? 204 : 409)
    })

    test('a service acts for a player, within its scopes, until it is revoked', async () => {
      const command = (...args: string[]) => serviceTokenCommand(args, stack.database, new Date())
      const scopes = ['--scope', 'wallet:read', '--scope', 'sessions:write']
      const said = await command('create', '--name', 'support', ...scopes)
      const [, id = ''] = /^Made (\w{26}) for support/.exec(said) ?? []
      const token = said.split('\n').at(-1) ?? ''
      const acts = (path: string, asking: Asking = {}) =>
        ask(stack.publicUrl, path, { token, headers: { 'Wasd-Player': asha.id }, ...asking })

      expect((await acts('/v1/wallet')).json.balancePaise).toBe(50_000)
      expect((await acts('/v1/top-ups')).json.code).toBe('ScopeMissing')
      expect((await acts('/v1/wallet', { headers: {} })).json.code).toBe('PlayerUnnamed')
      expect((await acts('/v1/wallet', { headers: { 'Wasd-Player': '0'.repeat(26) } })).json.code).toBe('PlayerUnknown')
      expect(JSON.stringify(await stack.database`SELECT * FROM service_tokens`)).not.toContain(token)
      expect(await command('list')).toContain(`${id}  good until`)
      expect(await command('revoke', id)).toContain('opens nothing any more')
      expect((await acts('/v1/wallet')).json.code).toBe('Unauthenticated')
      expect(await command('list')).toContain(`${id}  revoked`)
    })

    test.each([
      [[], 'Say create, list or revoke'],
      [['create', '--name', 'x'], 'A --scope is needed'],
      [['create', '--name', 'x', '--scope', 'all'], 'There is no scope all'],
      [['create', '--scope', 'me:read'], '--name of 1 to 64 characters'],
      [['create', '--name', 'x', '--scope', 'me:read', '--days', '4000'], '--days is a whole number'],
      [['revoke'], 'Say which'],
      [['revoke', 'nobody'], 'There is no token nobody'],
      [['create', '--volume'], "Unknown option '--volume'"],
    ])('I8: service-token %j is told what it may be', async (args, words) => {
      await expect(serviceTokenCommand(args, stack.database, new Date())).rejects.toThrow(words)
    })

    test('work that takes too long is cancelled in Postgres, and rolled back', async () => {
      const player = await signIn(stack, 'Patience')
      await player.isCredited(100)
      const before = await count('sessions')
      await stack.admin.begin(async lock => {
        await lock`LOCK TABLE wallet_holds IN ACCESS EXCLUSIVE MODE`
        const { status, json } = await player.post('/v1/sessions', wish)
        expect([status, json.code]).toEqual([503, 'TimedOut'])
        const waiting =
          await lock`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'test'`
        expect(waiting.count).toBe(0)
      })
      expect(await count('sessions')).toBe(before)
    })

    test('work for a client that hung up is cancelled too, and is no failure of ours', async () => {
      const told = async () => {
        const counts = /_count\{method="GET",route="\/v1\/wallet",status="(\d+)"\} (\d+)/g
        return new Map(
          [...(await stack.httpMetrics.metrics()).matchAll(counts)].map(([, status, count]) => [status, Number(count)]),
        )
      }
      const before = await told()
      const player = await signIn(stack, 'Gone')
      await stack.admin.begin(async lock => {
        const locked = async () =>
          (await lock`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'test'`).count
        await lock`LOCK TABLE wallet_balances IN ACCESS EXCLUSIVE MODE`
        const hangUp = new AbortController()
        const asked = fetch(`${stack.publicUrl}/v1/wallet`, {
          headers: { Authorization: `Bearer ${player.token}` },
          signal: hangUp.signal,
        }).catch(() => 'gone')
        await expect.poll(locked, { interval: 10 }).toBe(1)
        hangUp.abort()
        await asked
        // Well before the request's own time is over.
        await expect.poll(locked, { timeout: 1000, interval: 10 }).toBe(0)
      })
      await expect.poll(async () => (await told()).get('408')).toBe((before.get('408') ?? 0) + 1)
      expect((await told()).get('503')).toBe(before.get('503'))
    })

    test('a client that hangs up in the middle of a body is no failure of ours', async () => {
      const told = async () => {
        const counts = /_count\{method="POST",route="[^"]*",status="(408|5\d\d)"\} (\d+)/g
        const found = [...(await stack.httpMetrics.metrics()).matchAll(counts)]
        const sum = (of: RegExp) =>
          found.filter(([, status = '']) => of.test(status)).reduce((total, [, , count]) => total + Number(count), 0)
        return { gone: sum(/^408$/), ours: sum(/^5/) }
      }
      const before = await told()
      const player = await signIn(stack, 'Cut')
      const headers = {
        ...{ Authorization: `Bearer ${player.token}`, 'Idempotency-Key': crypto.randomUUID() },
        ...{ 'Content-Type': 'application/json', 'Content-Length': 100 },
      }
      const sent = request(`${stack.publicUrl}/v1/top-ups`, { method: 'POST', agent: false, headers })
      sent.on('error', () => undefined)
      await new Promise<void>(resolve => void sent.write('{"amountPaise":', () => resolve()))
      sent.destroy()
      await expect.poll(told).toEqual({ gone: before.gone + 1, ours: before.ours })
    })
  })
}
