import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

const given = {
  POD_NAMESPACE: 'wasd',
  CATALOGUE_FILE: '/etc/wasd/catalogue.yaml',
  INSTALLATION_ID: 'demo-1',
  AZURE_TENANT_ID: 't',
  AZURE_CLIENT_ID: 'c',
  AZURE_FEDERATED_TOKEN_FILE: '/var/run/token',
}

test('what has a default need not be given', () => {
  expect(readSettings(given)).toMatchObject({
    operatorPort: 8000,
    metricsPort: 9090,
    watchNamespaces: [],
    paidGraceSeconds: 120,
    databaseUrl: undefined,
    azure: { authorityHost: 'https://login.microsoftonline.com' },
  })
})

test('I8: everything that is missing or malformed is told in one message, without its value', () => {
  const wrong = { ...given, POD_NAMESPACE: '', INSTALLATION_ID: 'Not OK', DATABASE_URL: 'mysql://user:secret@host' }
  expect(() => readSettings(wrong)).toThrow(/POD_NAMESPACE is not set[\s\S]*INSTALLATION_ID is malformed/)
  expect(() => readSettings(wrong)).toThrow(/DATABASE_URL/)
  expect(() => readSettings(wrong)).not.toThrow(/secret/)
})

test.each([{ LEASE_SECONDS: '10' }, { LEASE_RENEW_SECONDS: '2' }])(
  'I8: lease intervals that cannot work are refused: %o',
  wrong => {
    expect(() => readSettings({ ...given, ...wrong })).toThrow(/LEASE_SECONDS must be above/)
  },
)

test('I8: limits are read from JSON, and wrong ones refused by path', () => {
  const limits = '{"machines":50,"namespaces":{"play":{"hourlyPriceUsd":2.5}},"regions":{}}'
  expect(readSettings({ ...given, CAPACITY_LIMITS: limits, RESCUE_RESERVE_SHARE: '0.25' }).capacity).toEqual({
    limits: { machines: 50, namespaces: { play: { hourlyPriceUsd: 2.5 } }, regions: {} },
    rescueReserve: { share: 0.25, minimum: 1 },
    quotaSeconds: 120,
  })
  expect(() => readSettings({ ...given, CAPACITY_LIMITS: '{"regions":{"near":{"onDemandShare":2}}}' })).toThrow(
    /CAPACITY_LIMITS is malformed: regions\.near\.onDemandShare: Too big/,
  )
  expect(() => readSettings({ ...given, RESCUE_RESERVE_SHARE: '10%' })).toThrow(/a share from 0 to 1 is expected/)
})
