import { EventEmitter, once } from 'node:events'
import { expect, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { run } from './lifecycle.ts'

const log = createLogger({ program: 'test', level: 'silent' })

/** Plays the kernel: signals in, the exit code out. */
class Host extends EventEmitter {
  exitCode: number | undefined
  exit(code: number) {
    this.exitCode ??= code
    super.emit('exited')
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    signal.addEventListener('abort', () => resolve())
  })
}

test('a program that returns exits 0', async () => {
  const host = new Host()
  await run(async () => undefined, { log, host })
  expect(host.exitCode).toBe(0)
})

test('a program that throws exits 1', async () => {
  const host = new Host()
  await run(() => Promise.reject(new Error('no database')), { log, host })
  expect(host.exitCode).toBe(1)
})

test.each(['SIGTERM', 'SIGINT'])('%s drains, then exits 0', async signal => {
  const host = new Host()
  const life = run(untilAborted, { log, host })
  host.emit(signal)
  await life
  expect(host.exitCode).toBe(0)
})

test('a second signal ends it at once, with work under way', async () => {
  const host = new Host()
  void run(() => new Promise(() => undefined), { log, host })
  host.emit('SIGTERM')
  expect(host.exitCode).toBeUndefined()
  host.emit('SIGINT')
  expect(host.exitCode).toBe(1)
})

test('work that does not drain is cut at the deadline', async () => {
  const host = new Host()
  void run(() => new Promise(() => undefined), { log, host, drainSeconds: 0.01 })
  // The deadline alone does not keep a process alive.
  const alive = setTimeout(() => undefined, 5000)
  host.emit('SIGTERM')
  await once(host, 'exited')
  clearTimeout(alive)
  expect(host.exitCode).toBe(1)
})

test.each(['uncaughtException', 'unhandledRejection'])('an error that nobody caught (%s) exits 1', async event => {
  const host = new Host()
  void run(() => new Promise(() => undefined), { log, host })
  host.emit(event, new Error('a bug'))
  expect(host.exitCode).toBe(1)
})
