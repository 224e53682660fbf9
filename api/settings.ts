// The API's settings. The chart renders exactly these; what is wrong with them is told all at once.
import { z } from 'zod'
import { integer, list, parseEnvironment, url } from '../lib/config/environment.ts'
import { LOG_LEVELS } from '../lib/telemetry/log.ts'

type Environment = Record<string, string | undefined>

const logLevel = z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')} is expected`).default('info')
const text = z.string()
const databaseUrl = connection(
  ['postgres:', 'postgresql:'],
  'a URL such as postgres://user:password@host:5432/wasd_api',
)
const port = (standard: number) => integer({ minimum: 0, maximum: 65_535 }).default(standard)
const regions = list.pipe(z.array(z.string().regex(/^[a-z0-9]{1,20}$/, 'short names of Azure regions are expected')))

const serveSchema = z.object({
  LOG_LEVEL: logLevel,
  KUBERNETES_SERVICE_ACCOUNT_DIRECTORY: text.optional(),
  KUBECONFIG: text.optional(),
  POD_NAME: text.optional(),
  CATALOGUE_FILE: text.describe('path of catalogue.yaml'),
  METRICS_PORT: port(9090),
  API_PORT: port(3000),
  PUBLIC_URL: url.describe('the https URL by which Telegram, Razorpay and players reach this API'),
  SESSION_NAMESPACE: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "a Kubernetes namespace's name is expected")
    .describe('the namespace in which GameSessions are made'),
  DATABASE_URL: databaseUrl,
  REDIS_URL: connection(['redis:', 'rediss:'], 'a URL such as redis://host:6379'),
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d{1,20}:[\w-]{1,100}$/, "BotFather's token is expected, digits, a colon and letters")
    .describe("the bot's token from BotFather"),
  TELEGRAM_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\w-]{16,256}$/, '16 to 256 of A-Z, a-z, 0-9, _ and - are expected')
    .describe('what Telegram sends with every update, made up by you'),
  TELEGRAM_API_ROOT: url.default('https://api.telegram.org'),
  RAZORPAY_KEY_ID: text.describe("the key's id from Razorpay's dashboard"),
  RAZORPAY_KEY_SECRET: text.describe("the key's secret"),
  RAZORPAY_WEBHOOK_SECRETS: list
    .pipe(z.array(z.string()).min(1, 'at least one secret is expected').max(5, 'at most five secrets are expected'))
    .describe('the webhook secrets, separated by commas, the newest first'),
  RAZORPAY_ACCOUNT_ID: z
    .string()
    .regex(/^acc_\w{1,40}$/, 'acc_ and the merchant id are expected')
    .describe('acc_ and the merchant id from the dashboard: events of other accounts are not ours'),
  RAZORPAY_BASE_URL: url.default('https://api.razorpay.com'),
  PAISE_PER_STAR: integer({ minimum: 1, maximum: 10_000 }).default(130),
  HOLD_BLOCK_SECONDS: integer({ minimum: 60, maximum: 14_400 }).default(900),
  PAID_GRACE_SECONDS: integer({ minimum: 0, maximum: 600 }).default(120),
  DEFAULT_REGIONS: regions
    .refine(names => names.length > 0, 'at least one region is expected')
    .describe('Azure regions for new sessions, separated by commas, the preferred one first'),
  SESSION_TTL_SECONDS: integer({ minimum: 0, maximum: 2_592_000 }).default(3600),
})

const migrateSchema = serveSchema
  .pick({ LOG_LEVEL: true, DATABASE_URL: true })
  .extend({ MIGRATE_DATABASE_URL: databaseUrl.optional() })

export type ServeSettings = ReturnType<typeof serveSettings>

/** Throws `SettingsError`, which lists every fault and shows no value. */
export function serveSettings(environment: Environment) {
  const parsed = parseEnvironment(serveSchema, environment)
  return {
    logLevel: parsed.LOG_LEVEL,
    podName: parsed.POD_NAME ?? 'api',
    catalogueFile: parsed.CATALOGUE_FILE,
    port: parsed.API_PORT,
    metricsPort: parsed.METRICS_PORT,
    publicUrl: parsed.PUBLIC_URL,
    databaseUrl: parsed.DATABASE_URL,
    redisUrl: parsed.REDIS_URL,
    kubernetes: {
      kubeconfig: parsed.KUBECONFIG,
      serviceAccountDirectory: parsed.KUBERNETES_SERVICE_ACCOUNT_DIRECTORY,
    },
    telegram: {
      token: parsed.TELEGRAM_BOT_TOKEN,
      webhookSecret: parsed.TELEGRAM_WEBHOOK_SECRET,
      apiRoot: parsed.TELEGRAM_API_ROOT,
      paisePerStar: parsed.PAISE_PER_STAR,
    },
    razorpay: {
      keyId: parsed.RAZORPAY_KEY_ID,
      keySecret: parsed.RAZORPAY_KEY_SECRET,
      webhookSecrets: parsed.RAZORPAY_WEBHOOK_SECRETS,
      accountId: parsed.RAZORPAY_ACCOUNT_ID,
      baseUrl: parsed.RAZORPAY_BASE_URL,
    },
    sessions: {
      namespace: parsed.SESSION_NAMESPACE,
      holdBlockSeconds: parsed.HOLD_BLOCK_SECONDS,
      paidGraceSeconds: parsed.PAID_GRACE_SECONDS,
      defaultRegions: parsed.DEFAULT_REGIONS,
      ttlSeconds: parsed.SESSION_TTL_SECONDS,
    },
  }
}

/** Throws `SettingsError`. */
export function migrateSettings(environment: Environment) {
  const parsed = parseEnvironment(migrateSchema, environment)
  return {
    logLevel: parsed.LOG_LEVEL,
    databaseUrl: parsed.DATABASE_URL,
    /** The schema's owner; the program itself where there is no other. */
    ownerUrl: parsed.MIGRATE_DATABASE_URL ?? parsed.DATABASE_URL,
  }
}

function connection(protocols: readonly string[], expected: string) {
  const isOne = (text: string) => URL.canParse(text) && protocols.includes(new URL(text).protocol)
  return z.string().refine(isOne, `${expected} is expected`).describe(expected)
}
