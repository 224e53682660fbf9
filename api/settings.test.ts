import { expect, test } from 'vitest'
import { migrateSettings, serveSettings } from './settings.ts'

const complete = {
  CATALOGUE_FILE: '/etc/wasd/catalogue.yaml',
  PUBLIC_URL: 'https://play.example.com/',
  SESSION_NAMESPACE: 'wasd',
  DATABASE_URL: 'postgres://api:hunter2@db:5432/wasd_api',
  REDIS_URL: 'redis://redis:6379',
  TELEGRAM_BOT_TOKEN: '7000000001:abc',
  TELEGRAM_WEBHOOK_SECRET: 'a-secret-of-sixteen',
  RAZORPAY_KEY_ID: 'rzp_test_1',
  RAZORPAY_KEY_SECRET: 'key-secret',
  RAZORPAY_WEBHOOK_SECRETS: 'new, old',
  RAZORPAY_ACCOUNT_ID: 'acc_1',
  TOKEN_KEYS: `${'A'.repeat(43)}=, ${'B'.repeat(43)}`,
  DEFAULT_REGIONS: 'centralindia,southindia',
}

function faultsOf(environment: Record<string, string | undefined>): string {
  try {
    serveSettings(environment)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return ''
}

test('a complete environment is parsed, with the documented defaults', () => {
  const settings = serveSettings(complete)
  expect(settings.publicUrl).toBe('https://play.example.com')
  expect(settings.port).toBe(3000)
  expect(settings.metricsPort).toBe(9090)
  expect(settings.telegram.apiRoot).toBe('https://api.telegram.org')
  expect(settings.telegram.paisePerStar).toBe(130)
  expect(settings.razorpay.webhookSecrets).toEqual(['new', 'old'])
  expect(settings.sessions).toEqual({
    namespace: 'wasd',
    holdBlockSeconds: 3600,
    promises: { startSeconds: 600, recoverySeconds: 300, creditSeconds: 600, creditDays: 90 },
    tax: { name: 'GST', basisPoints: 1800 },
    paidGraceSeconds: 120,
    defaultRegions: ['centralindia', 'southindia'],
    ttlSeconds: 3600,
  })
  expect(settings.tokens).toMatchObject({ algorithm: 'EdDSA', issuer: 'https://play.example.com' })
  expect(settings.tokens.keys.map(key => key.length)).toEqual([32, 32])
  expect(settings.redis).toEqual({ url: 'redis://redis:6379', mode: 'Single' })
  expect(settings.openId).toBeUndefined()
})

test('sign-in over the web is offered once it has a secret and a page to come back to', () => {
  const login = { TELEGRAM_LOGIN_CLIENT_SECRET: 's', TELEGRAM_LOGIN_REDIRECT_URL: 'https://portal.example.com/back' }
  expect(serveSettings({ ...complete, ...login }).openId).toEqual({
    issuer: 'https://oauth.telegram.org',
    clientId: '7000000001',
    clientSecret: 's',
    redirectUrl: 'https://portal.example.com/back',
    algorithm: 'RS256',
  })
  expect(serveSettings({ ...complete, TELEGRAM_LOGIN_CLIENT_SECRET: 's' }).openId).toBeUndefined()
})

test('I8: an empty environment is told every missing setting in one message', () => {
  const message = faultsOf({})
  for (const name of Object.keys(complete)) expect(message).toContain(`${name} is not set`)
})

test.each([
  ['DATABASE_URL', 'mysql://api:hunter2@db/wasd'],
  ['REDIS_URL', 'http://hunter2'],
  ['PUBLIC_URL', 'hunter2'],
  ['TELEGRAM_BOT_TOKEN', 'hunter2'],
  ['TELEGRAM_WEBHOOK_SECRET', 'hunter2'],
  ['RAZORPAY_WEBHOOK_SECRETS', ' , ,'],
  ['SESSION_NAMESPACE', 'Hunter2'],
  ['DEFAULT_REGIONS', 'Central Hunter2'],
  ['API_PORT', '70000'],
  ['PAISE_PER_STAR', '1.3'],
  ['HOLD_BLOCK_SECONDS', '5'],
  ['LOG_LEVEL', 'hunter2'],
  ['TOKEN_KEYS', 'hunter2'],
  ['TOKEN_ALGORITHM', 'hunter2'],
  ['REDIS_MODE', 'hunter2'],
  ['CORS_ORIGINS', 'https://hunter2.example.com/path'],
])('I8: a malformed %s is named, and its value is not shown', (name, value) => {
  const message = faultsOf({ ...complete, [name]: value })
  expect(message).toContain(`${name} is malformed`)
  expect(message).not.toMatch(/hunter2/i)
})

test('migrate needs the database alone', () => {
  expect(migrateSettings({ DATABASE_URL: complete.DATABASE_URL }).logLevel).toBe('info')
  expect(() => migrateSettings({})).toThrow(/DATABASE_URL is not set/)
})
