// A session's events as a client follows them: none lost, none twice, however often the line breaks.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { STREAMS } from '../../api/http/session-stream.ts'
import { type ApiPlayer, needed, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

export function eventsAreTold(stackOf: () => FrontStack): void {
  describe('events', () => {
    let stack: FrontStack
    let player: ApiPlayer
    let sessionId: string
    beforeAll(() => {
      stack = stackOf()
    })
    beforeEach(async () => {
      player = await signIn(stack, 'Asha')
      await player.isCredited(100)
      sessionId = needed((await player.post('/v1/sessions', { game: 'star-caravan', tier: 'standard' })).json.id)
    })

    interface Heard {
      id: number
      state: string
      host?: string
    }

    /** Listens; `heard` grows as events come. */
    async function listen(after?: number) {
      const end = new AbortController()
      const reply = await fetch(`${stack.publicUrl}/v1/sessions/${sessionId}/events`, {
        headers: {
          Authorization: `Bearer ${player.token}`,
          ...(after === undefined ? {} : { 'Last-Event-ID': String(after) }),
        },
        signal: end.signal,
      })
      const heard: Heard[] = []
      const raw = { text: '', isOver: false }
      const read = async () => {
        let rest = ''
        for await (const chunk of reply.body?.pipeThrough(new TextDecoderStream()) ?? []) {
          raw.text += chunk
          const blocks = (rest + chunk).split('\n\n')
          rest = blocks.pop() ?? ''
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block)?.[1]
            const id = /^id: (\d+)$/m.exec(block)?.[1]
            if (data !== undefined) heard.push({ ...JSON.parse(data), id: Number(id) })
          }
        }
      }
      const over = read()
        .catch(() => undefined)
        .then(() => {
          raw.isOver = true
        })
      return {
        status: reply.status,
        heard,
        raw,
        over,
        async hangUp() {
          end.abort()
          await over
        },
      }
    }

    async function becomes(phase: string): Promise<void> {
      await stack.database`UPDATE sessions SET seen_phase = ${phase} WHERE id = ${sessionId}`
    }
    const states = (heard: Heard[]) => heard.map(({ state }) => state)

    test('each change is told as it happens, the last one ends the stream, and there is nothing more to come', async () => {
      const stream = await listen()
      await expect.poll(() => states(stream.heard)).toEqual(['Starting'])
      await stack.database`
    UPDATE sessions SET seen_phase = 'Running', seen_host = '203.0.113.5', seen_since = now() WHERE id = ${sessionId}`
      await expect.poll(() => states(stream.heard)).toEqual(['Starting', 'Playing'])
      expect(stream.heard[1]).toMatchObject({ host: '203.0.113.5' })
      await player.post(`/v1/sessions/${sessionId}/end`)
      await stack.settle(sessionId, player.id)
      await stream.over
      expect(states(stream.heard)).toEqual(['Starting', 'Playing', 'Stopping', 'Ended'])
      expect((await listen(stream.heard.at(-1)?.id)).status).toBe(204)
    })

    test('who comes back with Last-Event-ID is told all that was missed, in order, and nothing twice', async () => {
      const heard: Heard[] = []
      const phases = ['Provisioning', 'Starting', 'Recovering', 'Starting', 'Recovering', 'Paused', 'Recovering']
      let begun = 0
      const changing = (async () => {
        for (const phase of [...phases, ...phases, ...phases]) {
          await becomes(phase)
          begun += 1
        }
      })()
      do {
        const stream = await listen(heard.at(-1)?.id)
        await expect.poll(() => stream.heard.length, { interval: 5 }).toBeGreaterThan(0)
        await stream.hangUp()
        heard.push(...stream.heard)
      } while (begun < 21)
      await changing
      const rest = await listen(heard.at(-1)?.id ?? 0)
      const [expected] = await stack.database<{ ids: bigint[] }[]>`
    SELECT array_agg(id ORDER BY id) AS ids FROM session_events WHERE session_id = ${sessionId}`
      await expect.poll(() => [...heard, ...rest.heard].map(({ id }) => BigInt(id))).toEqual(expected?.ids)
      await rest.hangUp()
    })

    test('a quiet stream is kept alive by comments', async () => {
      const stream = await listen()
      await expect.poll(() => stream.raw.text, { timeout: 5000 }).toMatch(/: still here\n\n.*: still here\n\n/s)
      expect(stream.raw.text).toMatch(/^retry: \d+\n\n/)
      await stream.hangUp()
    })

    test('what the listening connection misses is found all the same', async () => {
      const stream = await listen()
      await expect.poll(() => stream.heard).toHaveLength(1)
      await stack.admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%' AND pid <> pg_backend_pid()`
      await becomes('Recovering')
      await expect.poll(() => states(stream.heard), { timeout: 5000 }).toEqual(['Starting', 'Recovering'])
      await stream.hangUp()
    })

    test('a player has four streams at most; one that is closed makes room', async () => {
      const streams = await Promise.all(Array.from({ length: STREAMS.player }, () => listen()))
      expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      const fifth = await player.get(`/v1/sessions/${sessionId}/events`)
      expect([fifth.status, fifth.json.code]).toEqual([429, 'TooManyStreams'])
      await streams[0]?.hangUp()
      await expect
        .poll(async () => {
          const stream = await listen()
          await stream.hangUp()
          return stream.status
        })
        .toBe(200)
      await Promise.all(streams.map(stream => stream.hangUp()))
    })

    test('another’s session has no events', async () => {
      const other = await signIn(stack, 'Ben')
      const reply = await other.get(`/v1/sessions/${sessionId}/events`)
      expect([reply.status, reply.json.code]).toEqual([404, 'SessionUnknown'])
    })
  })
}
