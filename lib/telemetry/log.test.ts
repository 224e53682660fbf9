import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLogger, redacted } from './log.ts'

const run = promisify(execFile)

/** What this logger writes, and what is written for nobody; `before` may keep a piece from being written. */
function pieces(program: string, before: (piece: string) => Promise<void> | undefined = () => undefined) {
  const { write } = fs
  const all: string[] = []
  const spy = vi.spyOn(fs, 'write').mockImplementation((...asked: unknown[]) => {
    const piece = String(asked[1])
    if (asked[0] === 1 && (piece === '' || piece.includes(`"program":"${program}"`))) all.push(piece)
    const go = () => void Reflect.apply(write, fs, asked)
    void (before(piece)?.then(go) ?? go())
  })
  onTestFinished(() => spy.mockRestore())
  return { all, text: () => all.join(''), log: createLogger({ program, level: 'info' }) }
}

test('lines go out by themselves, together, and nothing is written where nothing is logged', async () => {
  const { all, text, log } = pieces('together')
  const stays = async (count: number) => {
    await sleep(350)
    expect(all).toHaveLength(count)
  }
  await stays(0)

  log.info('one')
  log.info('other')
  await vi.waitFor(() => expect(text()).toMatch(/"message":"one".*\n.*"message":"other".*\n/))
  await stays(1)

  for (let index = 0; index < 200; index += 1) log.info('one of many')
  expect(all.length).toBeGreaterThan(1) // What has become long is not waited with.
  await vi.waitFor(() => expect(text().match(/one of many/g)).toHaveLength(200))
})

test('what is logged while lines are being written goes out after them', async () => {
  const { promise: isReadOn, resolve: readsOn } = Promise.withResolvers<void>()
  const { text, log } = pieces('after', piece => (piece.includes('first') ? isReadOn : undefined))
  log.info('first')
  await vi.waitFor(() => expect(text()).toContain('first'))
  log.info('second')
  await sleep(350)
  expect(text()).not.toContain('second')
  readsOn()
  await vi.waitFor(() => expect(text()).toContain('second'))
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
