import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { createHealth, healthRoutes } from './health.ts'

test('without checks both are well', async () => {
  const routes = healthRoutes(createHealth({ clock: systemClock }))
  expect((await routes.request('/healthz')).status).toBe(200)
  expect((await routes.request('/readyz')).status).toBe(200)
})

test('readiness lists what fails, and liveness does not mind', async () => {
  const health = createHealth({ clock: systemClock })
  health.addLive('loop', () => undefined)
  health.addReady('postgres', () => 'not connected')
  const routes = healthRoutes(health)

  expect((await routes.request('/healthz')).status).toBe(200)
  const reply = await routes.request('/readyz')
  expect(reply.status).toBe(503)
  expect(await reply.json()).toEqual({ status: 'failing', checks: { loop: 'ok', postgres: 'not connected' } })
})

test('what is not alive is not ready', async () => {
  const health = createHealth({ clock: systemClock })
  health.addLive('elector', () => 'renewal overdue')
  expect((await health.ready()).status).toBe('failing')
})

test('a check that throws shows its code and none of its words', async () => {
  const health = createHealth({ clock: systemClock })
  health.addReady('postgres', () => {
    throw Object.assign(new Error('postgres://user:password@host'), { code: 'ECONNREFUSED' })
  })
  expect((await health.ready()).checks).toEqual({ postgres: 'failed (ECONNREFUSED)' })
})

test('a check that hangs counts as failed and is aborted', async () => {
  const health = createHealth({ clock: { ...systemClock, sleep: async () => undefined } })
  let aborted = false
  health.addReady('kubernetes', signal => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return new Promise(() => undefined)
  })
  expect((await health.ready()).checks.kubernetes).toMatch(/no answer/)
  expect(aborted).toBe(true)
})
