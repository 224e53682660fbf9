// The API's settings. The chart renders exactly these; what is wrong with them is told all at once.
import { z } from 'zod'
import { integer, list, parseEnvironment, url } from '../lib/config/environment.ts'
import { LOG_LEVELS } from '../lib/telemetry/log.ts'
import { REDIS_MODES } from './http/redis.ts'
import { TOKEN_ALGORITHMS } from './players/access-tokens.ts'
import { OPEN_ID_ALGORITHMS, type OpenIdSettings } from './players/open-id.ts'

type Environment = Record<string, string | undefined>

const logLevel = z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')} is expected`).default('info')
const text = z.string()
const databaseUrl = connection(
  ['postgres:', 'postgresql:'],
  'a URL such as postgres://user:password@host:5432/wasd_api',
)
const port = (standard: number) => integer({ minimum: 0, maximum: 65_535 }).default(standard)
const regions = list.pipe(z.array(z.string().regex(/^[a-z0-9]{1,20}$/, 'short names of Azure regions are expected')))

/** Key material of both algorithms, so that changing the one for the other changes no secret. */
const tokenKey = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]{43}=?$/, '32 bytes in base64 are expected, such as openssl rand -base64 32 makes')
  .transform(secret => Buffer.from(secret, 'base64'))
const origin = z
  .string()
  .refine(
    word => URL.canParse(word) && new URL(word).origin === word,
    'origins such as https://play.example.com are expected',
  )

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
  REDIS_MODE: z.enum(REDIS_MODES, `one of ${REDIS_MODES.join(', ')} is expected`).default('Single'),
  TOKEN_ALGORITHM: z.enum(TOKEN_ALGORITHMS, `one of ${TOKEN_ALGORITHMS.join(', ')} is expected`).default('EdDSA'),
  TOKEN_KEYS: list
    .pipe(z.array(tokenKey).min(1, 'at least one key is expected').max(3, 'at most three keys are expected'))
    .describe(
      "what signs the players' tokens: 32 random bytes in base64, several separated by commas, the newest first",
    ),
  CORS_ORIGINS: list.pipe(z.array(origin).max(20, 'at most twenty origins are expected')).default([]),
  OPERATOR_URL: url.optional(),
  GUEST_KEYS_FILE: text.optional(),
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d{1,20}:[\w-]{1,100}$/, "BotFather's token is expected, digits, a colon and letters")
    .describe("the bot's token from BotFather"),
  TELEGRAM_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\w-]{16,256}$/, '16 to 256 of A-Z, a-z, 0-9, _ and - are expected')
    .describe('what Telegram sends with every update, made up by you'),
  TELEGRAM_API_ROOT: url.default('https://api.telegram.org'),
  TELEGRAM_LOGIN_ISSUER: url.default('https://oauth.telegram.org'),
  TELEGRAM_LOGIN_ALGORITHM: z
    .enum(OPEN_ID_ALGORITHMS, `one of ${OPEN_ID_ALGORITHMS.join(', ')} is expected`)
    .default('RS256'),
  TELEGRAM_LOGIN_CLIENT_SECRET: text.optional(),
  TELEGRAM_LOGIN_REDIRECT_URL: url.optional(),
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
  HOLD_BLOCK_SECONDS: integer({ minimum: 60, maximum: 14_400 }).default(3600),
  PAID_GRACE_SECONDS: integer({ minimum: 0, maximum: 600 }).default(120),
  DEFAULT_REGIONS: regions
    .refine(names => names.length > 0, 'at least one region is expected')
    .describe('Azure regions for new sessions, separated by commas, the preferred one first'),
  PROMISED_START_SECONDS: integer({ minimum: 60, maximum: 86_400 }).default(600),
  PROMISED_RECOVERY_SECONDS: integer({ minimum: 60, maximum: 86_400 }).default(300),
  FAULT_CREDIT_SECONDS: integer({ minimum: 0, maximum: 14_400 }).default(600),
  FAULT_CREDIT_DAYS: integer({ minimum: 1, maximum: 3650 }).default(90),
  TAX_NAME: z
    .string()
    .regex(/^[\p{L}\p{N} .-]{1,20}$/u, 'a short name such as GST is expected')
    .default('GST'),
  TAX_BASIS_POINTS: integer({ minimum: 0, maximum: 10_000 }).default(1800),
  LEDGER_CHECK_SECONDS: integer({ minimum: 60, maximum: 86_400 }).default(600),
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
    redis: { url: parsed.REDIS_URL, mode: parsed.REDIS_MODE },
    tokens: { algorithm: parsed.TOKEN_ALGORITHM, keys: parsed.TOKEN_KEYS, issuer: parsed.PUBLIC_URL },
    corsOrigins: parsed.CORS_ORIGINS,
    operatorUrl: parsed.OPERATOR_URL,
    guestKeysFile: parsed.GUEST_KEYS_FILE,
    openId: openIdOf(parsed),
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
    ledgerCheckSeconds: parsed.LEDGER_CHECK_SECONDS,
    sessions: {
      namespace: parsed.SESSION_NAMESPACE,
      holdBlockSeconds: parsed.HOLD_BLOCK_SECONDS,
      paidGraceSeconds: parsed.PAID_GRACE_SECONDS,
      defaultRegions: parsed.DEFAULT_REGIONS,
      ttlSeconds: parsed.SESSION_TTL_SECONDS,
      promises: {
        startSeconds: parsed.PROMISED_START_SECONDS,
        recoverySeconds: parsed.PROMISED_RECOVERY_SECONDS,
        creditSeconds: parsed.FAULT_CREDIT_SECONDS,
        creditDays: parsed.FAULT_CREDIT_DAYS,
      },
      tax: { name: parsed.TAX_NAME, basisPoints: parsed.TAX_BASIS_POINTS },
    },
  }
}

/** `undefined` where sign-in over the web is not set up: it takes a secret, and a page to come back to. */
function openIdOf(parsed: z.infer<typeof serveSchema>): OpenIdSettings | undefined {
  const { TELEGRAM_LOGIN_CLIENT_SECRET: clientSecret, TELEGRAM_LOGIN_REDIRECT_URL: redirectUrl } = parsed
  if (clientSecret === undefined || redirectUrl === undefined) return undefined
  const { TELEGRAM_LOGIN_ISSUER: issuer, TELEGRAM_LOGIN_ALGORITHM: algorithm } = parsed
  const [clientId = ''] = parsed.TELEGRAM_BOT_TOKEN.split(':')
  return { issuer, clientId, clientSecret, redirectUrl, algorithm }
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
