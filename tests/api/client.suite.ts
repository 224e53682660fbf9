// The published client, and its example run as a program of its own.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { accessTokens } from '../../api/players/access-tokens.ts'
import { connect, newKey, type Tokens } from '../../client/client.ts'
import { signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

const run = promisify(execFile)
const example = fileURLToPath(new URL('../../client/example.ts', import.meta.url))

export function clientWorks(stackOf: () => FrontStack): void {
  describe('the client', () => {
    let stack: FrontStack
    beforeAll(() => {
      stack = stackOf()
    })

    test('its example runs: signed in, quoted, started, ended', async () => {
      const player = await signIn(stack, 'Example')
      await player.isCredited(500)
      const { stdout } = await run(process.execPath, [example, stack.publicUrl, await player.person.opensMiniApp()])
      expect(stdout.trim().split('\n')).toEqual([
        'In the wallet: ₹500.00',
        'star-caravan on standard: ₹90 an hour, enough for 333 minutes',
        expect.stringMatching(/^Session \w{26}: Starting$/),
        expect.stringMatching(/^Session \w{26}: Stopping$/),
      ])
    })

    test('I8: its example tells a refusal in the API’s words', async () => {
      const failed = run(process.execPath, [example, stack.publicUrl, 'hash=00'])
      await expect(failed).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('MiniAppDataInvalid: The Mini'),
      })
    })

    test('an expired token is renewed once for all calls that find it so, and they are answered', async () => {
      const player = await signIn(stack, 'Renewed')
      const long = new Date(Date.now() - 600_000)
      const signInId = JSON.parse(Buffer.from(player.token.split('.')[1] ?? '', 'base64url').toString()).sid
      const { token } = await accessTokens(stack.tokens).sign({ playerId: player.id, signInId }, long)
      const renewed: Tokens[] = []
      const client = connect({
        baseUrl: stack.publicUrl,
        tokens: { accessToken: token, refreshToken: player.tokens.refreshToken },
        onTokens: tokens => void renewed.push(tokens),
      })
      const replies = await Promise.all([
        client.v1.wallet.$get(),
        client.v1.me.$get(),
        client.v1.sessions.$get({ query: {} }),
      ])
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 200])
      expect(renewed).toHaveLength(1)
      const json = { amountPaise: 10_000 }
      const topUp = await (await client.v1['top-ups'].$post({ header: newKey(), json })).json()
      expect(topUp.amountPaise).toBe(10_000)
      await expect(client.v1['top-ups'].$post({ header: newKey(), json: { amountPaise: 1 } })).rejects.toMatchObject({
        code: 'InvalidRequest',
        status: 422,
        faults: [{ at: 'amountPaise' }, expect.anything()],
      })
      const dear = { game: 'star-caravan', tier: 'standard' }
      await expect(client.v1.sessions.$post({ header: newKey(), json: dear })).rejects.toMatchObject({
        code: 'InsufficientFunds',
        funds: { neededPaise: 150, availablePaise: 0 },
      })
    })
  })
}
