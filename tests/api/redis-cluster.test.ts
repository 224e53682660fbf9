// Limits over a Redis cluster with TLS, as ElastiCache Serverless is one: a real node in cluster mode that owns all slots,
// is reached by its name alone, and shows a certificate for that name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRateLimits, LIMITS } from '../../api/http/rate-limits.ts'
import { connectRedis, type RedisConnection } from '../../api/http/redis.ts'
import { certificateAuthority } from '../../demo/cluster/pki.ts'
import { type Member, member } from '../../demo/stack/member.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { findRedis } from '../../demo/stack/redis.ts'
import { createLogger } from '../../lib/telemetry/log.ts'

const log = createLogger({ program: 'test', level: 'silent' })
const folder = mkdtempSync(join(tmpdir(), 'wasd-redis-cluster-'))
const inside = (name: string) => join(folder, name)
let server: Member
let url: string
let redis: RedisConnection

beforeAll(async () => {
  const authority = await certificateAuthority('redis test', new Date())
  const { certificate, key } = await authority.server({ dns: ['localhost'], ip: [] })
  writeFileSync(inside('ca.pem'), authority.certificate)
  writeFileSync(inside('server.pem'), certificate)
  writeFileSync(inside('server.key'), key)
  // What the chart's extraCaCertificates do by NODE_EXTRA_CA_CERTS.
  setDefaultCACertificates([...getCACertificates(), authority.certificate])

  const [port, busPort] = [await freePort(), await freePort()]
  url = `rediss://default:the-password@localhost:${port}`
  const tls = ['--tls-cert-file', inside('server.pem'), '--tls-key-file', inside('server.key')]
  const names = ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname']
  const args = [
    ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    ...[...tls, '--tls-ca-cert-file', inside('ca.pem'), '--tls-auth-clients', 'no', '--requirepass', 'the-password'],
    ...['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-port', String(busPort), ...names],
  ]
  const file = await findRedis()
  server = member(
    { name: 'redis', file, args, log: inside('redis.log') },
    async () => (await once(client => client.ping())) === 'PONG',
  )
  await server.start()
  await once(client => client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'))
  redis = connectRedis({ url, mode: 'Cluster' }, log)
})
afterAll(async () => {
  redis?.disconnect()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** As one plain client, past the code under test. */
async function once<Result>(ask: (client: Redis) => Promise<Result>): Promise<Result> {
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null, lazyConnect: true })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await ask(client)
  } finally {
    client.disconnect()
  }
}
const keys = () => once(client => client.keys('wasd-api:limit:*'))

test('limits are counted in the cluster, over TLS and with its password, for every replica together', async () => {
  await expect
    .poll(() => once(client => client.call('CLUSTER', 'INFO')), { timeout: 15_000 })
    .toContain('cluster_state:ok')
  await expect.poll(() => redis.status).toBe('ready')
  const other = connectRedis({ url, mode: 'Cluster' }, log)
  try {
    await expect.poll(() => other.status).toBe('ready')
    const replicas = [createRateLimits(redis), createRateLimits(other)] as const
    for (let count = 1; count <= LIMITS.pay; count += 1) {
      const { remaining } = await replicas[count % 2 === 0 ? 0 : 1].count({ name: 'pay', subject: 'player-1' })
      expect(remaining).toBe(LIMITS.pay - count)
    }
    for (const replica of replicas) {
      expect(await replica.count({ name: 'pay', subject: 'player-1' })).toMatchObject({ isRefused: true })
    }
    // Whoever is refused first is not counted behind it, though the two keys lie apart.
    const behind = await replicas[0].count({ name: 'pay', subject: 'player-1' }, { name: 'read', subject: 'unspent' })
    expect(behind).toMatchObject({ limit: LIMITS.pay, isRefused: true })
    // Keys of other slots, for whoever they are.
    for (let each = 0; each < 20; each += 1) await replicas[0].count({ name: 'read', subject: `player-${each}` })
    expect((await keys()).length).toBe(21)
  } finally {
    other.disconnect()
  }
})

test('while the cluster is away limits hold in memory; when it is back they are counted there again', async () => {
  const limits = createRateLimits(redis)
  await server.stop()
  await expect.poll(() => redis.status).not.toBe('ready')
  for (let count = 1; count <= LIMITS.pay; count += 1) {
    expect(await limits.count({ name: 'pay', subject: 'player-2' })).toMatchObject({ remaining: LIMITS.pay - count })
  }
  expect(await limits.count({ name: 'pay', subject: 'player-2' })).toMatchObject({ isRefused: true })

  await server.start()
  await expect
    .poll(
      async () => {
        await limits.count({ name: 'read', subject: 'player-3' })
        return (await keys()).some(key => key.endsWith('player-3'))
      },
      { timeout: 15_000 },
    )
    .toBe(true)
})
