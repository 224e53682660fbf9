// The chart gives the programs what they read, asks the cluster for what it has, and refuses wrong values in good words.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { checkNames } from '../../api/wallet/check.ts'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { type Cluster, startCluster } from '../../demo/cluster/cluster.ts'
import { REPOSITORY } from '../../demo/cluster/folders.ts'
import { findTools, type Tools } from '../../demo/cluster/tools.ts'
import { apply, type RenderedObject, render, template } from '../../demo/stack/chart.ts'
import { type CommandResult, command } from '../../demo/stack/commands.ts'
import { parseDeployment } from '../../demo/stack/pod-template.ts'
import { merged } from '../../demo/stack/values.ts'
import { NODE_FLAGS } from '../api/node-flags.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasd-chart-'))
const catalogueText = readFileSync(join(REPOSITORY, 'manifests', 'catalogue.yaml'), 'utf8')
const sample = {
  installationId: 'test-mumbai',
  catalogue: parse(catalogueText),
  azure: { tenantId: 'tenant', clientId: 'client' },
  operator: { database: { existingSecret: 'operator-database' } },
  api: {
    publicUrl: 'https://play.example.com',
    defaultRegions: ['centralindia'],
    razorpay: { accountId: 'acc_1' },
    existingSecret: 'api',
  },
}
let tools: Tools

beforeAll(async () => {
  tools = await findTools()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rendering = (values: object) => ({
  helm: tools.helm,
  chart: join(REPOSITORY, 'charts', 'wasd-cloud'),
  release: 'wasd',
  namespace: 'wasd',
  values,
  folder,
})
const rendered = async (values: object = {}) => await render(rendering(merged(sample, values)))
const refusal = async (values: object) => (await template(rendering(merged(sample, values)))).stderr

function named<Kind extends string>(objects: RenderedObject[], kind: Kind, name: string): RenderedObject {
  const found = objects.find(object => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`No ${kind} ${name} is rendered.`)
  return found
}

function namesOf(objects: RenderedObject[], program: 'operator' | 'api', container: 'first' | 'program'): string[] {
  const { spec } = parseDeployment(named(objects, 'Deployment', `wasd-${program}`)).spec.template
  const [chosen] = container === 'first' ? spec.initContainers : spec.containers
  return (chosen?.env ?? []).map(({ name }) => name)
}

describe('the environment', () => {
  const both = [
    ...['LOG_LEVEL', 'KUBERNETES_SERVICE_ACCOUNT_DIRECTORY', 'POD_NAME', 'POD_NAMESPACE', 'CATALOGUE_FILE'],
    ...['METRICS_PORT', 'PAID_GRACE_SECONDS', 'DATABASE_URL', 'NODE_COMPILE_CACHE'],
  ]
  const operator = [
    ...['WATCH_NAMESPACES', 'OPERATOR_PORT', 'INSTALLATION_ID', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID'],
    ...['AZURE_FEDERATED_TOKEN_FILE', 'AZURE_AUTHORITY_HOST', 'AZURE_RESOURCE_MANAGER_ENDPOINT'],
    ...['AZURE_RETAIL_PRICES_ENDPOINT', 'OPERATION_POLL_SECONDS', 'FLEET_POLL_SECONDS', 'PROBE_SECONDS'],
    ...[
      'SWEEP_SECONDS',
      'SWEEP_DRY_RUN',
      'SWEEP_GRACE_SECONDS',
      'SWEEP_LARGEST_SHARE',
      'LEASE_NAME',
      'LEASE_SECONDS',
      'LEASE_RENEW_SECONDS',
      'LEASE_RETRY_SECONDS',
    ],
    ...['QUOTA_SECONDS', 'CAPACITY_LIMITS', 'RESCUE_RESERVE_SHARE', 'RESCUE_RESERVE_MINIMUM', 'RECONCILE_CONCURRENCY'],
  ]
  const api = [
    ...['API_PORT', 'PUBLIC_URL', 'SESSION_NAMESPACE', 'DEFAULT_REGIONS', 'HOLD_BLOCK_SECONDS', 'SESSION_TTL_SECONDS'],
    ...['PROMISED_START_SECONDS', 'PROMISED_RECOVERY_SECONDS', 'FAULT_CREDIT_SECONDS', 'FAULT_CREDIT_DAYS'],
    ...['TAX_NAME', 'TAX_BASIS_POINTS', 'LEDGER_CHECK_SECONDS'],
    ...['TELEGRAM_API_ROOT', 'TELEGRAM_BOT_TOKEN', 'TELEGRAM_WEBHOOK_SECRET', 'PAISE_PER_STAR', 'REDIS_URL'],
    ...['RAZORPAY_ACCOUNT_ID', 'RAZORPAY_BASE_URL', 'RAZORPAY_KEY_ID', 'RAZORPAY_KEY_SECRET'],
    'RAZORPAY_WEBHOOK_SECRETS',
    ...['TELEGRAM_LOGIN_ISSUER', 'TELEGRAM_LOGIN_ALGORITHM', 'TELEGRAM_LOGIN_CLIENT_SECRET', 'TOKEN_KEYS'],
    ...['TELEGRAM_LOGIN_REDIRECT_URL', 'TOKEN_ALGORITHM', 'REDIS_MODE', 'CORS_ORIGINS', 'OPERATOR_URL'],
    'GUEST_KEYS_FILE',
  ]

  test('is what the programs read, each name once', async () => {
    const objects = await rendered()
    expect(namesOf(objects, 'operator', 'program').sort()).toEqual([...both, ...operator].sort())
    expect(namesOf(objects, 'api', 'program').sort()).toEqual([...both, ...api].sort())
  })

  test('names a folder of the pod, empty and its own, for what Node makes of the program', async () => {
    const objects = await rendered()
    for (const name of ['wasd-operator', 'wasd-api']) {
      const { containers, volumes } = parseDeployment(named(objects, 'Deployment', name)).spec.template.spec
      const [program] = containers
      const folder = program?.env.find(each => each.name === 'NODE_COMPILE_CACHE')?.value
      const mount = program?.volumeMounts.find(({ mountPath }) => mountPath === folder)
      expect(mount?.readOnly ?? false).toBe(false)
      expect(volumes.find(each => each.name === mount?.name)?.emptyDir).toEqual({ sizeLimit: '64Mi' })
    }
  })

  test('is Node as the tests and the bench of the API have it', async () => {
    const [program] = parseDeployment(named(await rendered(), 'Deployment', 'wasd-api')).spec.template.spec.containers
    expect(program?.args).toEqual([...NODE_FLAGS, 'api/main.ts', 'serve'])
  })

  test('of the migration is the least', async () => {
    expect(namesOf(await rendered(), 'api', 'first')).toEqual(['LOG_LEVEL', 'DATABASE_URL', 'MIGRATE_DATABASE_URL'])
  })

  test('names further authorities only when there are some', async () => {
    const objects = await rendered({ extraCaCertificates: 'PEM' })
    expect(namesOf(objects, 'operator', 'program')).toContain('NODE_EXTRA_CA_CERTS')
    expect(namesOf(objects, 'api', 'program')).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('has large numbers in digits', async () => {
    const objects = await rendered({ api: { sessionTtlSeconds: 2_592_000 } })
    const [program] = parseDeployment(named(objects, 'Deployment', 'wasd-api')).spec.template.spec.containers
    expect(program?.env.find(({ name }) => name === 'SESSION_TTL_SECONDS')?.value).toBe('2592000')
  })
})

test('who the operator is starts it anew when it changes, and no change of the catalogue does', async () => {
  const templateOf = async (values: object) =>
    parseDeployment(named(await rendered(values), 'Deployment', 'wasd-operator')).spec.template
  const before = await templateOf({})
  for (const azure of [{ tenantId: 'another' }, { clientId: 'another' }])
    expect(await templateOf({ azure })).not.toEqual(before)
  const text = catalogueText.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: 9100')
  expect(text).not.toBe(catalogueText)
  expect(await templateOf({ catalogue: text })).toEqual(before)
})

test('the catalogue comes through unchanged, as an object and as a text', async () => {
  const intended = parseCatalogue(catalogueText)
  for (const catalogue of [parse(catalogueText), catalogueText]) {
    const configMap: RenderedObject & { data?: Record<string, string> } = named(
      await rendered({ catalogue }),
      'ConfigMap',
      'wasd-catalogue',
    )
    expect(parseCatalogue(configMap.data?.['catalogue.yaml'] ?? '')).toEqual(intended)
  }
})

test('the CRDs are those of crds/, kept on uninstall, and can be left out', async () => {
  const isCrd = ({ kind }: RenderedObject) => kind === 'CustomResourceDefinition'
  const source = join(REPOSITORY, 'crds')
  const intended = readdirSync(source).filter(name => name.endsWith('.yaml'))
  const crds = (await rendered()).filter(isCrd)
  expect(crds).toEqual(intended.map(name => parse(readFileSync(join(source, name), 'utf8'))))
  for (const { metadata } of crds) {
    expect(metadata).toMatchObject({ annotations: { 'helm.sh/resource-policy': 'keep' } })
  }
  expect((await rendered({ crds: { enabled: false } })).filter(isCrd)).toEqual([])
})

describe('the alerts', () => {
  const ruleSchema = z.object({
    alert: z.string(),
    expr: z.string(),
    for: z.string().optional(),
    labels: z.object({ severity: z.enum(['critical', 'warning']) }),
    annotations: z.object({ summary: z.string(), description: z.string() }),
  })
  const schema = z.object({ spec: z.object({ groups: z.array(z.object({ rules: z.array(ruleSchema) })) }) })

  test('are left out where there is no Prometheus Operator', async () => {
    expect((await rendered()).filter(({ kind }) => kind === 'PrometheusRule')).toEqual([])
  })

  test('wake somebody for stalled sessions, a sweep that has stopped, and every fault of the books by its name', async () => {
    const objects = await rendered({ alerts: { enabled: true, labels: { release: 'monitoring' } } })
    const rule = named(objects, 'PrometheusRule', 'wasd-alerts')
    expect(rule.metadata).toMatchObject({ labels: { release: 'monitoring' } })
    const rules = schema.parse(rule).spec.groups.flatMap(group => group.rules)
    const exprOf = (name: string) => rules.find(({ alert }) => alert === name)?.expr
    expect(exprOf('WasdSessionsStalled')).toBe(
      'max by (namespace, phase) (wasd_sessions_stalled{namespace="wasd"}) > 0',
    )
    expect(exprOf('WasdSweepHalted')).toBe('max by (namespace) (wasd_sweeper_halted{namespace="wasd"}) > 0')
    expect(exprOf('WasdLedgerFaults')).toBe('max by (namespace, check) (wasd_api_ledger_faults{namespace="wasd"}) > 0')
    const told = ['PaymentOfAnother', 'HoldOfAnother', 'ReceiptOfAnother', 'ReceiptMissing', 'RefundUnbooked']
    expect(checkNames).toEqual(expect.arrayContaining([...told, 'DisputeUnbooked']))
    const unchecked = rules.find(({ alert }) => alert === 'WasdLedgerUnchecked')
    expect(unchecked).toMatchObject({ expr: expect.stringMatching(/ > 1800$/), for: '10m' })
    expect(exprOf('WasdMachinesStalled')).toBe('max by (namespace) (wasd_machines_stalled{namespace="wasd"}) > 0')
    expect(exprOf('WasdCatalogueRefused')).toMatch(
      /wasd_api_catalogue_current\{.*\}\) == 0 or .*wasd_catalogue_refused_total/,
    )
    expect(exprOf('WasdContradiction')).toBe(
      'max by (namespace, code) (wasd_api_contradictions_open{namespace="wasd"}) > 0',
    )
    expect(rules.map(({ annotations }) => annotations.summary).join(' ')).toContain(
      '{{ $value }} of {{ $labels.check }}',
    )
  })

  test('ask for metrics that the programs have, and for no others', async () => {
    const rule = named(await rendered({ alerts: { enabled: true } }), 'PrometheusRule', 'wasd-alerts')
    const source = ['operator', 'api'].flatMap(room =>
      readdirSync(join(REPOSITORY, room), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
        .map(name => readFileSync(join(REPOSITORY, room, name), 'utf8')),
    )
    const known = new Set(source.flatMap(text => [...text.matchAll(/name: '(wasd_\w+)'/g)].map(([, name]) => name)))
    const asked = [...JSON.stringify(rule).matchAll(/\b(wasd_\w+)/g)].map(([, name]) => name)
    expect(asked.length).toBeGreaterThanOrEqual(12)
    expect(asked.filter(name => !known.has(name))).toEqual([])
  })
})

test('with watched namespaces the operator has no right outside of them', async () => {
  const objects = await rendered({ watchNamespaces: ['wasd', 'play'] })
  expect(objects.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([])
  const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'wasd-operator')
  expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['wasd', 'play'])
})

test('replicas can be left to an autoscaler', async () => {
  const deployment = named(await rendered({ api: { replicas: null } }), 'Deployment', 'wasd-api')
  expect('spec' in deployment && deployment.spec).not.toHaveProperty('replicas')
})

describe('wrong values are refused in words', () => {
  test.each([
    ['no installation id', { installationId: '' }, "at '/installationId'"],
    [
      'a port that is none',
      { api: { ports: { http: 70_000 } } },
      "at '/api/ports/http': maximum: got 70,000, want 65,535",
    ],
    ['a misspelt key', { operator: { replcas: 3 } }, "at '/operator': additional properties 'replcas' not allowed"],
    ['a log level', { logLevel: 'verbose' }, "at '/logLevel': value must be one of 'trace', 'debug'"],
    ['a URL without a scheme', { api: { publicUrl: 'play.example.com' } }, "at '/api/publicUrl'"],
    [
      'an unknown region',
      { api: { defaultRegions: ['mars'] } },
      'api.defaultRegions names mars, which is no region of the catalogue; known are centralindia,',
    ],
    [
      'neither a Secret nor secrets',
      { api: { existingSecret: '', secret: { REDIS_URL: 'redis://r' } } },
      'api.existingSecret is not set, and api.secret lacks DATABASE_URL, TELEGRAM_BOT_TOKEN',
    ],
    [
      'sessions where nobody looks',
      { watchNamespaces: ['elsewhere'] },
      'watchNamespaces does not hold wasd, where the API makes sessions',
    ],
    ['a share above the whole', { operator: { limits: { onDemandShare: 25 } } }, "at '/operator/limits/onDemandShare'"],
    [
      'a limit that nobody knows',
      { operator: { limits: { namespaces: { wasd: { cores: 4 } } } } },
      "at '/operator/limits/namespaces/wasd': additional properties 'cores' not allowed",
    ],
    [
      'a limit for a region that is not there',
      { operator: { limits: { regions: { mars: { machines: 1 } } } } },
      'operator.limits.regions names mars, which is no region of the catalogue; known are centralindia,',
    ],
    [
      'a lease that ends before it is renewed',
      { operator: { lease: { seconds: 10 } } },
      'operator.lease.renewSeconds must be less than operator.lease.seconds',
    ],
  ])('%s', async (_, values, words) => {
    expect(await refusal(values)).toContain(words)
  })

  test('all at once', async () => {
    const said = await refusal({ installationId: 'X', logLevel: 'loud' })
    expect(said).toContain('/installationId')
    expect(said).toContain('/logLevel')
  })
})

describe('on a real API server', () => {
  let cluster: Cluster
  const kubectl = async (args: string[], input?: string): Promise<CommandResult> =>
    await command({
      file: tools.kubectl,
      args,
      input,
      environment: { PATH: process.env.PATH, HOME: folder, KUBECONFIG: cluster.kubeconfig },
    })

  beforeAll(async () => {
    cluster = await startCluster({ folder: join(folder, 'cluster'), controllerManager: false })
    for (const namespace of ['wasd', 'play']) {
      await cluster.createNamespace(namespace)
      const label = 'pod-security.kubernetes.io/enforce=restricted'
      await kubectl(['label', 'namespace', namespace, label, 'pod-security.kubernetes.io/warn=restricted'])
    }
    await apply({ objects: await rendered({ watchNamespaces: [] }), namespace: 'wasd', kubectl })
  })
  afterAll(async () => await cluster?.stop())

  test.each([
    ['its defaults', {}],
    ['watched namespaces', { watchNamespaces: ['wasd', 'play'], extraCaCertificates: 'PEM' }],
  ])('everything is taken without a warning, with %s', async (_, values) => {
    const more = ['--dry-run=server']
    // PodSecurity warns about a Deployment whose pods it would refuse; a misspelt field is an error.
    expect(await apply({ objects: await rendered(values), namespace: 'wasd', kubectl, more })).toBe('')
  })

  test.each([
    ['operator', 'get', 'gpuvms.wasd.cloud', 'play', 'yes'],
    ['operator', 'update', 'gamesessions.wasd.cloud/status', 'play', 'yes'],
    ['operator', 'update', 'gamesessions.wasd.cloud', 'play', 'no'],
    ['operator', 'create', 'gamesessions.wasd.cloud', 'play', 'no'],
    ['operator', 'list', 'secrets', 'play', 'no'],
    ['operator', 'update', 'leases.coordination.k8s.io', 'wasd', 'yes'],
    ['operator', 'update', 'leases.coordination.k8s.io', 'play', 'no'],
    ['api', 'create', 'gamesessions.wasd.cloud', 'wasd', 'yes'],
    ['api', 'create', 'gamesessions.wasd.cloud', 'play', 'no'],
    ['api', 'delete', 'gamesessions.wasd.cloud', 'wasd', 'no'],
    ['api', 'patch', 'gamesessions.wasd.cloud/status', 'wasd', 'no'],
    ['api', 'patch', 'gpuvms.wasd.cloud/status', 'wasd', 'yes'],
    ['api', 'patch', 'gpuvms.wasd.cloud', 'wasd', 'no'],
    ['api', 'get', 'secrets', 'wasd', 'yes'],
    ['api', 'get', 'secrets', 'play', 'no'],
    ['api', 'list', 'secrets', 'wasd', 'no'],
  ])('may %s %s %s in %s: %s', async (program, verb, resource, namespace, answer) => {
    const who = `--as=system:serviceaccount:wasd:wasd-${program}`
    const [kind = '', subresource] = resource.split('/')
    const part = subresource === undefined ? [] : ['--subresource', subresource]
    const { stdout } = await kubectl(['auth', 'can-i', verb, kind, ...part, '--namespace', namespace, who])
    expect(stdout.trim()).toBe(answer)
  })
})
