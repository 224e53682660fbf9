// What the local stack tells the chart and the simulators, so that they mean the same world: pure, from what runs where.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { SimulatorOptions, Simulators } from './simulators.ts'

/** The little of the catalogue that Azure has to have before anything is made in it. */
const world = z.looseObject({
  images: z.record(z.string(), z.looseObject({ id: z.string(), osType: z.string() })),
  regions: z.record(
    z.string(),
    z.looseObject({
      subscriptionId: z.string(),
      resourceGroup: z.string(),
      subnetId: z.string(),
      networkSecurityGroupId: z.string().optional(),
    }),
  ),
})

interface Secrets {
  telegramToken: string
  telegramWebhook: string
  telegramLogin: string
  tokenKey: string
  razorpayWebhook: string
}

/** The operator's intervals in life, in seconds: the chart's defaults. */
const INTERVALS = {
  operationPollSeconds: 4,
  fleetPollSeconds: 5,
  probeSeconds: 15,
  sweepSeconds: 120,
  sweepGraceSeconds: 300,
  quotaSeconds: 120,
}
const SHORT_LEASE = { seconds: 3, renewSeconds: 2, retrySeconds: 0.5 }

/** The simulators' command lines: an Azure with the catalogue's subscription, groups, networks and images. */
export function simulatorArguments(options: {
  catalogue: unknown
  secrets: Secrets
  apiUrl: string
  speed: number
  more: SimulatorOptions
}): Required<SimulatorOptions> {
  const { catalogue, secrets, apiUrl, speed, more } = options
  const { images, regions } = world.parse(catalogue)
  const places = Object.entries(regions)
  const subscriptions = new Set(places.map(([, { subscriptionId }]) => subscriptionId))
  if (subscriptions.size !== 1)
    throw new Error('The simulated Azure has one subscription; the catalogue names several.')

  const azure = [
    ...['--speed', String(speed)],
    ...[...subscriptions].flatMap(id => ['--subscription', id]),
    ...places.flatMap(([region, { resourceGroup }]) => ['--resource-group', `${resourceGroup}=${region}`]),
    ...places.flatMap(([, { subnetId }], index) => {
      const { group, network, subnet } = partsOfSubnet(subnetId)
      return ['--virtual-network', `${group}/${network}/${subnet}=10.${index + 1}.0.0/16`]
    }),
    ...places.flatMap(([, { resourceGroup, networkSecurityGroupId }]) =>
      networkSecurityGroupId === undefined
        ? []
        : ['--network-security-group', `${resourceGroup}/${networkSecurityGroupId.split('/').at(-1)}`],
    ),
    ...Object.values(images).flatMap(({ id, osType }) => ['--image', `${id}=${osType}/Specialized`]),
  ]
  const scale = ['--retry-scale', String(1 / speed)]
  return {
    azure: [...azure, ...(more.azure ?? [])],
    telegram: [
      ...['--token', secrets.telegramToken, '--login-secret', secrets.telegramLogin],
      ...['--login-redirect', loginPage(apiUrl), ...scale],
      ...(more.telegram ?? []),
    ],
    razorpay: [
      ...['--webhook-url', `${apiUrl}/webhooks/razorpay`, '--webhook-secret', secrets.razorpayWebhook],
      ...scale,
      ...(more.razorpay ?? []),
    ],
    guest: ['--speed', String(speed), ...(more.guest ?? [])],
  }
}

/** The chart's values. */
export function stackValues(options: {
  id: string
  catalogue: unknown
  simulators: Simulators
  secrets: Secrets
  databases: { api: string; apiOwner: string; operator: string }
  redis: string
  ports: Record<'api' | 'operator', { http: number; metrics: number }>
  apiUrl: string
  speed: number
  leases: 'standard' | 'short'
  replicas: { operator: number; api: number }
}): object {
  const { id, catalogue, simulators, secrets, databases, redis, ports, apiUrl, speed, leases, replicas } = options
  const { azure, telegram, razorpay } = simulators
  const scaled = Object.entries(INTERVALS).map(([name, seconds]): [string, number] => [name, seconds / speed])
  return {
    installationId: `local-${id}`,
    catalogue,
    extraCaCertificates: readFileSync(azure.greeting.ca, 'utf8'),
    azure: {
      tenantId: azure.greeting.tenant,
      clientId: azure.greeting.clients[0],
      authorityHost: azure.url,
      resourceManagerEndpoint: azure.url,
      retailPricesEndpoint: azure.url,
    },
    operator: {
      replicas: replicas.operator,
      ports: ports.operator,
      intervals: Object.fromEntries(scaled),
      ...(leases === 'short' && { lease: SHORT_LEASE }),
      database: { url: databases.operator },
    },
    api: {
      replicas: replicas.api,
      ports: ports.api,
      publicUrl: apiUrl,
      defaultRegions: Object.keys(world.parse(catalogue).regions),
      telegram: {
        apiRoot: telegram.url,
        login: { issuer: telegram.url, redirectUrl: loginPage(apiUrl) },
      },
      operatorUrl: `http://127.0.0.1:${ports.operator.http}`,
      razorpay: { accountId: razorpay.greeting.account, baseUrl: razorpay.url },
      secret: {
        DATABASE_URL: databases.api,
        MIGRATE_DATABASE_URL: databases.apiOwner,
        REDIS_URL: redis,
        TELEGRAM_BOT_TOKEN: secrets.telegramToken,
        TELEGRAM_WEBHOOK_SECRET: secrets.telegramWebhook,
        RAZORPAY_KEY_ID: razorpay.greeting.keyId,
        RAZORPAY_KEY_SECRET: razorpay.greeting.keySecret,
        RAZORPAY_WEBHOOK_SECRETS: secrets.razorpayWebhook,
        TOKEN_KEYS: secrets.tokenKey,
        TELEGRAM_LOGIN_CLIENT_SECRET: secrets.telegramLogin,
      },
    },
  }
}

/** Where a web client's browser would come back to from Telegram. There is none in the local stack; a caller plays it. */
function loginPage(apiUrl: string): string {
  return `${apiUrl}/signed-in`
}

/** As helm merges values files: maps key by key, anything else replaced. */
export function merged(base: object, over: object): object {
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = result[key]
    result[key] = isMap(before) && isMap(value) ? merged(before, value) : value
  }
  return result
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function partsOfSubnet(id: string): { group: string; network: string; subnet: string } {
  const found = /\/resourceGroups\/([^/]+)\/.*\/virtualNetworks\/([^/]+)\/subnets\/([^/]+)$/i.exec(id)
  const [, group = '', network = '', subnet = ''] = found ?? []
  if (!found) throw new Error(`${id} is no subnet's resource id.`)
  return { group, network, subnet }
}
