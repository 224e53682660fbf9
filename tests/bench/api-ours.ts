// The API's own application as a program to be measured: all that stands before a handler, real stores, the log as in
// production. What needs Telegram, Razorpay or a cluster is not asked. SIGUSR2 tells the heap after a collection.
import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { createFront } from '../../api/front.ts'
import { createRateLimits } from '../../api/http/rate-limits.ts'
import { connectRedis } from '../../api/http/redis.ts'
import { paymentMetrics } from '../../api/payments/metrics.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { connect } from '../../lib/database/pool.ts'
import { connect as connectKubernetes } from '../../lib/kube/client.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createHealth } from '../../lib/process/health.ts'
import { listen } from '../../lib/process/server.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { given, tellHeap } from './api-settings.ts'

const { databaseUrl, redisUrl, catalogueFile, tokens, connections } = given(process.env)
const log = createLogger({ program: 'api', level: 'info' })
const catalogue = parseCatalogue(readFileSync(catalogueFile, 'utf8'))
const database = connect(databaseUrl, { max: connections, applicationName: 'ours' })
const redis = connectRedis({ url: redisUrl, mode: 'Single' }, log)
const metrics = new Registry()

const nobody = { headers: {}, tls: {} }
const nowhere = {
  server: 'http://127.0.0.1:9',
  namespace: undefined,
  identity: async () => nobody,
  refresh: async () => nobody,
}
const telegram = { token: '1:none', webhookSecret: 'none', apiRoot: 'http://127.0.0.1:9', paisePerStar: 130 }
const razorpay = {
  ...{ keyId: 'none', keySecret: 'none', accountId: 'none', baseUrl: 'http://127.0.0.1:9', webhookSecrets: ['none'] },
}
const { application } = createFront({
  settings: {
    ...{ publicUrl: tokens.issuer, telegram, razorpay, tokens, openId: undefined },
    ...{ guestKeysFile: undefined, operatorUrl: undefined, corsOrigins: ['https://portal.example.com'] },
  },
  ...{ database, clock, log, metrics, catalogue: () => catalogue },
  kube: connectKubernetes(nowhere, { userAgent: 'bench' }),
  health: createHealth({ clock }),
  limits: createRateLimits(redis),
  rails: { Razorpay: razorpayRail(razorpay), Stars: starsRail(telegram) },
  paymentMetrics: paymentMetrics(metrics, database),
  sessions: { database, catalogue: () => catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] },
})
const server = await listen({ application, name: 'http', host: '127.0.0.1', port: 0, clock, log })
tellHeap()
console.log(`port ${server.port}`)
