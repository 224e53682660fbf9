// The operator's settings, from the environment that the chart renders. Parsed once, in main.ts.
import { z } from 'zod'
import { boolean, integer, list, parseEnvironment, SettingsError, seconds, url } from '../lib/config/environment.ts'
import { LOG_LEVELS } from '../lib/telemetry/log.ts'
import { limitsSetting, NO_LIMITS } from './capacity/limits.ts'

const port = (description: string) => integer({ minimum: 0, maximum: 65535 }).describe(description)
const share = z
  .string()
  .regex(/^(0|1|0?\.\d+|1\.0+)$/, 'a share from 0 to 1 is expected, such as 0.1')
  .transform(Number)
const interval = seconds({ minimum: 0.01, maximum: 86400 })

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  KUBERNETES_SERVICE_ACCOUNT_DIRECTORY: z.string().optional(),
  POD_NAME: z.string().default('operator').describe("The pod's name"),
  POD_NAMESPACE: z.string().describe('The namespace that the operator runs in, where its Lease is kept'),
  WATCH_NAMESPACES: list.default([]).describe('Namespaces to serve, separated by commas; all when empty'),
  CATALOGUE_FILE: z.string().describe('Path of the catalogue, a YAML file'),
  METRICS_PORT: port('Where /metrics is served').default(9090),
  OPERATOR_PORT: port('Where /healthz and /readyz are served').default(8000),
  INSTALLATION_ID: z
    .string()
    .regex(/^[a-z0-9-]{3,40}$/, 'a-z, 0-9 and hyphens, 3 to 40 of them')
    .describe("Marks this installation's resources in Azure; two clusters in one subscription need two"),
  AZURE_TENANT_ID: z.string().describe('The Entra tenant'),
  AZURE_CLIENT_ID: z.string().describe("The managed identity's client id"),
  AZURE_FEDERATED_TOKEN_FILE: z.string().describe('Path of the projected token, audience api://AzureADTokenExchange'),
  AZURE_AUTHORITY_HOST: url.default('https://login.microsoftonline.com'),
  AZURE_RESOURCE_MANAGER_ENDPOINT: url.default('https://management.azure.com'),
  AZURE_RETAIL_PRICES_ENDPOINT: url.default('https://prices.azure.com'),
  OPERATION_POLL_SECONDS: interval.default(4),
  FLEET_POLL_SECONDS: interval.default(5),
  PROBE_SECONDS: interval.default(15),
  SWEEP_SECONDS: interval.default(120),
  SWEEP_LARGEST_SHARE: z.coerce.number().min(0).max(1).default(0.2),
  SWEEP_DRY_RUN: boolean.prefault('false'),
  SWEEP_GRACE_SECONDS: seconds({ minimum: 0, maximum: 86400 }).default(300),
  QUOTA_SECONDS: interval.default(120),
  CAPACITY_LIMITS: limitsSetting.default(NO_LIMITS),
  RESCUE_RESERVE_SHARE: share
    .default(0.1)
    .describe("The share of a region's spot machines that rescues are kept room for"),
  RESCUE_RESERVE_MINIMUM: integer({ minimum: 0, maximum: 10_000 }).default(1),
  PAID_GRACE_SECONDS: seconds({ minimum: 0, maximum: 600 }).default(120),
  LEASE_NAME: z.string().min(1).default('wasd-operator').describe('One for each release in a namespace'),
  LEASE_SECONDS: integer({ minimum: 1, maximum: 3600 }).default(15),
  LEASE_RENEW_SECONDS: seconds({ minimum: 0.1, maximum: 3600 }).default(10),
  LEASE_RETRY_SECONDS: seconds({ minimum: 0.05, maximum: 3600 }).default(2),
  RECONCILE_CONCURRENCY: integer({ minimum: 1, maximum: 1000 }).default(64),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'a postgres:// URL is expected')
    .optional(),
})

export type Settings = ReturnType<typeof readSettings>

/** Throws `SettingsError`, which lists everything that is wrong at once. */
export function readSettings(environment: Record<string, string | undefined>) {
  const read = parseEnvironment(schema, environment)
  if (read.LEASE_RENEW_SECONDS >= read.LEASE_SECONDS || read.LEASE_RETRY_SECONDS >= read.LEASE_RENEW_SECONDS) {
    throw new SettingsError('LEASE_SECONDS must be above LEASE_RENEW_SECONDS, and that above LEASE_RETRY_SECONDS.')
  }
  return {
    logLevel: read.LOG_LEVEL,
    serviceAccountDirectory: read.KUBERNETES_SERVICE_ACCOUNT_DIRECTORY,
    podName: read.POD_NAME,
    podNamespace: read.POD_NAMESPACE,
    /** Empty: all namespaces. */
    watchNamespaces: read.WATCH_NAMESPACES,
    catalogueFile: read.CATALOGUE_FILE,
    metricsPort: read.METRICS_PORT,
    operatorPort: read.OPERATOR_PORT,
    installationId: read.INSTALLATION_ID,
    azure: {
      tenantId: read.AZURE_TENANT_ID,
      clientId: read.AZURE_CLIENT_ID,
      federatedTokenFile: read.AZURE_FEDERATED_TOKEN_FILE,
      authorityHost: read.AZURE_AUTHORITY_HOST,
      resourceManagerEndpoint: read.AZURE_RESOURCE_MANAGER_ENDPOINT,
    },
    retailPricesEndpoint: read.AZURE_RETAIL_PRICES_ENDPOINT,
    operationPollSeconds: read.OPERATION_POLL_SECONDS,
    fleetPollSeconds: read.FLEET_POLL_SECONDS,
    probeSeconds: read.PROBE_SECONDS,
    sweepSeconds: read.SWEEP_SECONDS,
    sweepGraceSeconds: read.SWEEP_GRACE_SECONDS,
    sweepLargestShare: read.SWEEP_LARGEST_SHARE,
    isSweepDryRun: read.SWEEP_DRY_RUN,
    capacity: {
      limits: read.CAPACITY_LIMITS,
      rescueReserve: { share: read.RESCUE_RESERVE_SHARE, minimum: read.RESCUE_RESERVE_MINIMUM },
      quotaSeconds: read.QUOTA_SECONDS,
    },
    paidGraceSeconds: read.PAID_GRACE_SECONDS,
    leaseName: read.LEASE_NAME,
    leaseSeconds: read.LEASE_SECONDS,
    leaseRenewSeconds: read.LEASE_RENEW_SECONDS,
    leaseRetrySeconds: read.LEASE_RETRY_SECONDS,
    reconcileConcurrency: read.RECONCILE_CONCURRENCY,
    /** Without one, no history is kept. */
    databaseUrl: read.DATABASE_URL,
  }
}
