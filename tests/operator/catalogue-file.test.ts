// The catalogue's file changes while the programs run, as a kubelet changes a ConfigMap's: all at once, through a link.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { openCatalogue } from '../../crds/catalogue-file.ts'
import { swap } from '../../demo/stack/pod-volumes.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { startMeasured } from '../bench/programs.ts'
import { atSpeed } from '../bench/world.ts'
import { isPlayable, SPEED, startWorld } from './support/world.ts'

const sample = readFileSync(join(import.meta.dirname, '../../manifests/catalogue.yaml'), 'utf8')
const BROKEN = sample.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: ninety')
const NOBODY = '00000000-0000-4000-8000-00000000dead'

/** A mounted ConfigMap with the catalogue in it. */
function mounted(onTestFinished: (end: () => void) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'catalogue-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const put = (text: string) => swap(folder, [['catalogue.yaml', Buffer.from(text)]])
  put(sample)
  return { path: join(folder, 'catalogue.yaml'), put, remove: () => rmSync(join(folder, '..data')) }
}

test('I8: a change is taken over once, what cannot be used is told once and replaces nothing, and a file that is away for a while is waited for', async ({
  onTestFinished,
}) => {
  const { path, put, remove } = mounted(onTestFinished)
  const clock = handClock()
  const told: string[] = []
  const file = openCatalogue({
    path,
    clock,
    onChange: () => told.push('changed'),
    onRefused: error => told.push(`${error.code} ${/tiers\S+/.exec(error.message)?.[0]}`),
  })
  const end = new AbortController()
  const running = file.run(end.signal)
  const price = () => file.current().tiers.standard?.pricePaisePerHour
  const after = async (seconds: number) => {
    await clock.advance(seconds)
    return { told: told.splice(0), price: price(), readAt: file.readAt().toISOString().slice(14, 19) }
  }
  expect(await after(60)).toEqual({ told: [], price: 9000, readAt: '00:00' })
  put(sample.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: 9100'))
  expect(await after(5)).toEqual({ told: ['changed'], price: 9100, readAt: '01:05' })
  put(BROKEN)
  const refused = 'InvalidCatalogue tiers.standard.pricePaisePerHour:'
  expect(await after(60)).toEqual({ told: [refused], price: 9100, readAt: '01:05' })
  remove()
  expect(await after(60)).toEqual({ told: [], price: 9100, readAt: '01:05' })
  put(BROKEN.replace('ninety', 'a hundred'))
  expect(await after(60)).toEqual({ told: [refused], price: 9100, readAt: '01:05' })
  put(sample)
  expect(await after(5)).toEqual({ told: ['changed'], price: 9000, readAt: '04:10' })
  end.abort()
  await running
})

test('I8: with a wrong tenant in its values the operator stalls what it is to make, outlives a broken catalogue with a metric, a log line and an event, and makes it once the catalogue names the right one; all of it with a database that never answers', async ({
  onTestFinished,
}) => {
  const world = await startWorld()
  onTestFinished(world.stop)
  const { path, put } = mounted(onTestFinished)
  const scene = await world.scene('followed', onTestFinished)
  const { settings, about } = world.azure
  const [http, metrics] = [await freePort(), await freePort()]
  const operator = startMeasured('operator/main.ts', {
    ...atSpeed(SPEED),
    KUBECONFIG: world.kubeconfig,
    NODE_EXTRA_CA_CERTS: about.ca,
    LOG_LEVEL: 'error',
    POD_NAME: 'followed-operator',
    POD_NAMESPACE: scene.namespace,
    WATCH_NAMESPACES: scene.namespace,
    CATALOGUE_FILE: path,
    METRICS_PORT: String(metrics),
    OPERATOR_PORT: String(http),
    INSTALLATION_ID: 'followed',
    AZURE_TENANT_ID: NOBODY,
    AZURE_CLIENT_ID: settings.clientId,
    AZURE_FEDERATED_TOKEN_FILE: settings.federatedTokenFile,
    AZURE_AUTHORITY_HOST: settings.authorityHost,
    AZURE_RESOURCE_MANAGER_ENDPOINT: settings.resourceManagerEndpoint,
    AZURE_RETAIL_PRICES_ENDPOINT: about.listening,
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nowhere', // A help, never a need.
  })
  onTestFinished(operator.stop)
  await scene.apply('solo')
  const stalled = await scene.machine(
    'solo',
    'is stalled',
    m => condition(m.status?.conditions, 'Stalled') !== undefined,
  )
  expect(condition(stalled.status?.conditions, 'Stalled')).toMatchObject({
    reason: 'AzureCredentialsRefused',
    message: expect.stringMatching(/no such tenant. Mend tenantId, in the catalogue's subscriptions/),
  })

  put(BROKEN)
  await scene.until('the broken one is counted', async () => {
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    return /^wasd_catalogue_refused_total 1$/m.test(text)
  })
  await scene.until('it is told', async () => (await scene.eventsOf('followed-operator')).includes('InvalidCatalogue'))
  let line = ''
  while (!line.includes('InvalidCatalogue')) line = await operator.line()
  expect(line).toContain('tiers.standard.pricePaisePerHour')

  const subscription = world.catalogue.regions.westeurope?.subscriptionId ?? ''
  const { tenantId, clientId } = settings
  put(stringify({ ...parse(sample), subscriptions: { [subscription]: { tenantId, clientId } } }))
  await scene.machine('solo', 'is playable', isPlayable)
  await scene.play('evening')
  await scene.session('evening', 'runs', ({ status }) => status?.phase === 'Running')
  await scene.want('evening', { spec: { desiredState: 'Ended' } })
  await scene.session('evening', 'has ended', ({ status }) => status?.phase === 'Ended')
  await scene.delete('solo')
  await scene.gone('solo')
  expect(await world.azure.standing()).toEqual([])
})
