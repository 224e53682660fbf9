import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createLogger, redacted } from './log.ts'

const run = promisify(execFile)

test('lines go out by themselves, together, and nothing is written where nothing is logged', async ({
  onTestFinished,
}) => {
  const write = vi.spyOn(fs, 'write')
  onTestFinished(() => write.mockRestore())
  const log = createLogger({ program: 'log-test', level: 'info' })
  const written = () => write.mock.calls.filter(([fd]) => fd === 1).map(([, what]) => String(what))
  const stays = async (count: number) => {
    await sleep(350)
    expect(written()).toHaveLength(count)
  }
  await stays(0)

  log.info('one')
  log.info('other')
  await vi.waitFor(() => expect(written().join('')).toMatch(/"message":"one".*\n.*"message":"other".*\n/))
  await stays(1)

  for (let index = 0; index < 200; index += 1) log.info('one of many')
  expect(written().length).toBeGreaterThan(1) // What has become long is not waited with.
  await vi.waitFor(() =>
    expect(
      written()
        .join('')
        .match(/one of many/g),
    ).toHaveLength(200),
  )
})

test('what is logged while lines are being written goes out after them', async ({ onTestFinished }) => {
  const write = vi.spyOn(fs, 'write')
  onTestFinished(() => write.mockRestore())
  const { promise: isReadOn, resolve: readsOn } = Promise.withResolvers<void>()
  write.mockImplementationOnce((...asked: unknown[]) => {
    const done = asked.at(-1)
    void isReadOn.then(() => typeof done === 'function' && done(null, Buffer.byteLength(String(asked[1]))))
  })
  const log = createLogger({ program: 'log-test', level: 'info' })
  const written = () => write.mock.calls.map(([, what]) => String(what)).join('')
  log.info('first')
  await vi.waitFor(() => expect(written()).toContain('first'))
  log.info('second')
  await sleep(350)
  expect(written()).not.toContain('second')
  readsOn()
  await vi.waitFor(() => expect(written()).toContain('second'))
})

test('the last lines go out at the end of the process', async () => {
  const program = `
    import { createLogger } from ${JSON.stringify(import.meta.resolve('./log.ts'))}
    createLogger({ program: 'log-test', level: 'info' }).info('the last')
    process.exit(0)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
  expect(stdout).toMatch(/"message":"the last"\}\n$/)
})

test('a field that bears a secret’s name is never shown, three levels deep, in lists too', () => {
  const fields = {
    token: 'a',
    reply: { status: 200, config: { password: 'b', url: '/orders' } },
    tried: [{ secret: 'c', attempt: 1 }],
  }
  expect(redacted(fields, 3)).toEqual({
    token: '[redacted]',
    reply: { status: 200, config: { password: '[redacted]', url: '/orders' } },
    tried: [{ secret: '[redacted]', attempt: 1 }],
  })
  expect(fields.token, 'what the caller holds stays as it was').toBe('a')
})

test('fields without a secret are passed on as they are', () => {
  const fields = { at: new Date(0), nested: { list: [1, 2] }, nothing: null }
  expect(redacted(fields, 3)).toBe(fields)
})
