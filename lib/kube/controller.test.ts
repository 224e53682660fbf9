import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { controller } from './controller.ts'
import { KubeError } from './errors.ts'
import { handClock } from './hand-clock.ts'
import { kubeMetrics } from './metrics.ts'

test('a reconcile whose server asks for seven seconds is not tried again before; the backoff alone is for who asks for none', async () => {
  const clock = handClock()
  const log = createLogger({ program: 'test', level: 'silent' })
  const looks: Record<string, number[]> = { asked: [], unasked: [] }
  const loop = controller({
    runtime: { clock, random: () => 0.5, log, metrics: kubeMetrics(new Registry()) },
    name: 'retried',
    sources: [],
    reconcile: async ({ name }) => {
      looks[name]?.push(clock.monotonic())
      if (looks[name]?.length !== 1) return
      throw new KubeError('TooManyRequests', 'Too many requests.', name === 'asked' ? { retryAfterSeconds: 7 } : {})
    },
  })
  const end = new AbortController()
  onTestFinished(() => end.abort())
  void loop.run({ stop: end.signal, abort: end.signal })
  for (const name of ['asked', 'unasked']) loop.enqueue({ name })
  await clock.advance(6.999)
  expect(looks).toEqual({ asked: [0], unasked: [0, 5] }) // Milliseconds.
  await clock.advance(0.001)
  expect(looks.asked).toEqual([0, 7000])
  await clock.advance(60)
  expect(looks.asked).toEqual([0, 7000])
})

test('a look that is done, or names the time of the next, begins the backoff anew', async () => {
  const clock = handClock()
  const log = createLogger({ program: 'test', level: 'silent' })
  const looks: number[] = []
  const outcomes = ['fail', 'fail', 'done', 'fail', 'later', 'fail', 'done']
  const loop = controller({
    runtime: { clock, random: () => 0.5, log, metrics: kubeMetrics(new Registry()) },
    name: 'forgetful',
    sources: [],
    reconcile: async () => {
      const outcome = outcomes[looks.length]
      looks.push(clock.monotonic())
      if (outcome === 'fail') throw new Error('not yet')
      return outcome === 'later' ? { requeueAfterSeconds: 1 } : {}
    },
  })
  const end = new AbortController()
  onTestFinished(() => end.abort())
  void loop.run({ stop: end.signal, abort: end.signal })
  loop.enqueue({ name: 'a' })
  await clock.advance(10)
  expect(looks).toEqual([0, 5, 15]) // Milliseconds.
  loop.enqueue({ name: 'a' })
  await clock.advance(10)
  expect(looks.slice(3)).toEqual([10_000, 10_005, 11_005, 11_010])
})
