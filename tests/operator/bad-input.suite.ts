// I8: input that Azure cannot do anything with is stalled in words that name the field and the remedy, is not asked for
// again and again, and is mended by editing the spec or the configuration, with the operator running on.
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { freePort } from '../../demo/stack/ports.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { events } from '../../lib/kube/core.ts'
import { startMeasured } from '../bench/programs.ts'
import { atSpeed } from '../bench/world.ts'
import { BROKEN, mounted, sample } from './support/config-map.ts'
import { isPlayable, type Scene, SPEED, type World } from './support/world.ts'

const REGION = 'westeurope'
type Regions = World['catalogue']['regions']

const NOBODY = '00000000-0000-4000-8000-00000000dead'

export function badInputIsAnswered(world: () => World): void {
  /** The catalogue with one region changed, which a test may mend later. */
  function catalogueWith(change: Partial<Regions[string]>): World['catalogue'] {
    const region = world().catalogue.regions[REGION]
    if (!region) throw new Error('The sample catalogue has lost its region.')
    return { ...world().catalogue, regions: { ...world().catalogue.regions, [REGION]: { ...region, ...change } } }
  }

  /** What it is stalled by, once it is; told as an event in the same words, and never asked for twice meanwhile. */
  async function stalled(scene: Scene, reason: string): Promise<string> {
    const machine = await scene.machine(
      'solo',
      `is stalled by ${reason}`,
      m => condition(m.status?.conditions, 'Stalled')?.reason === reason,
    )
    expect(machine.status?.phase).toBe('Failed')
    const { message = '' } = condition(machine.status?.conditions, 'Stalled') ?? {}
    await scene.until('it is told', async () => await isTold(scene, { reason, message }))
    expect(await refusals(machine.metadata.uid ?? '')).toBeLessThanOrEqual(1)
    return message
  }

  /** An event holds the first thousand characters. */
  async function isTold(
    { namespace }: Scene,
    { reason, message }: { reason: string; message: string },
  ): Promise<boolean> {
    const { items } = await world().kube.list(events, { namespace })
    return items.some(event => event.reason === reason && message.startsWith((event.note ?? '?').slice(0, 500)))
  }

  async function playsAndGoes(scene: Scene, uid: string): Promise<void> {
    await scene.machine('solo', 'is playable', isPlayable)
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await world().azure.standing(uid)).toEqual([])
  }

  /** PUTs that Azure has refused. */
  const refusals = async (uid: string): Promise<number> =>
    (await world().azure.calls(0)).filter(
      ({ method, path, status }) => method === 'PUT' && path.includes(uid) && status >= 400,
    ).length

  // What takes longest goes first.
  test.concurrent('I8: with a wrong tenant in its values the operator stalls what it is to make, outlives a broken catalogue with a metric, a log line and an event, and makes it once the catalogue names the right one; all of it with a database that never answers', async ({
    onTestFinished,
  }) => {
    const { path, put } = mounted(onTestFinished)
    const scene = await world().scene('followed', onTestFinished)
    const { settings, about } = world().azure
    const [http, metrics] = [await freePort(), await freePort()]
    const operator = startMeasured('operator/main.ts', {
      ...atSpeed(SPEED),
      KUBECONFIG: world().kubeconfig,
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
    const uid = await scene.apply('solo')
    const machine = await scene.machine(
      'solo',
      'is stalled',
      m => condition(m.status?.conditions, 'Stalled') !== undefined,
    )
    expect(condition(machine.status?.conditions, 'Stalled')).toMatchObject({
      reason: 'AzureCredentialsRefused',
      message: expect.stringMatching(/no such tenant. Mend tenantId, in the catalogue's subscriptions/),
    })

    put(BROKEN)
    await scene.until('the broken one is counted', async () => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      return /^wasd_catalogue_refused_total 1$/m.test(text)
    })
    await scene.until('it is told', async () =>
      (await scene.eventsOf('followed-operator')).includes('InvalidCatalogue'),
    )
    let line = ''
    while (!line.includes('InvalidCatalogue')) line = await operator.line()
    expect(line).toContain('tiers.standard.pricePaisePerHour')

    const subscription = world().catalogue.regions[REGION]?.subscriptionId ?? ''
    const { tenantId, clientId } = settings
    put(stringify({ ...parse(sample), subscriptions: { [subscription]: { tenantId, clientId } } }))
    await scene.machine('solo', 'is playable', isPlayable)
    await scene.play('evening')
    await scene.session('evening', 'runs', ({ status }) => status?.phase === 'Running')
    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await scene.session('evening', 'has ended', ({ status }) => status?.phase === 'Ended')
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await world().azure.standing(uid)).toEqual([])
  })

  test.concurrent('a size that Azure does not know: edit spec.size', async ({ onTestFinished }) => {
    const scene = await world().scene('size', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', { size: 'Standard_NV99ads_A10_v9' })
    expect(await stalled(scene, 'InvalidParameter')).toContain('spec.size')
    expect(await refusals(uid)).toBe(1)
    await scene.change('solo', { size: 'Standard_NV12ads_A10_v5' })
    await playsAndGoes(scene, uid)
  })

  test.concurrent('a subnet that is missing: mend subnetId in the catalogue', async ({ onTestFinished }) => {
    const scene = await world().scene('subnet', onTestFinished)
    const right = world().catalogue.regions[REGION]?.subnetId ?? ''
    const catalogue = catalogueWith({ subnetId: `${right}-gone` })
    scene.operate({ catalogue })
    const uid = await scene.apply('solo')
    expect(await stalled(scene, 'InvalidResourceReference')).toContain('subnetId')
    expect(await refusals(uid)).toBe(1)
    Object.assign(catalogue.regions[REGION] ?? {}, { subnetId: right })
    await playsAndGoes(scene, uid)
  })

  test.concurrent('a resource group that is missing: mend resourceGroup in the catalogue', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('group', onTestFinished)
    const catalogue = catalogueWith({ resourceGroup: 'nowhere' })
    scene.operate({ catalogue })
    const uid = await scene.apply('solo')
    expect(await stalled(scene, 'ResourceGroupNotFound')).toContain('resourceGroup')
    Object.assign(catalogue.regions[REGION] ?? {}, { resourceGroup: world().catalogue.regions[REGION]?.resourceGroup })
    await playsAndGoes(scene, uid)
  })

  test.concurrent('a subscription that is not there: mend subscriptionId in the catalogue', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('subscription', onTestFinished)
    const catalogue = catalogueWith({ subscriptionId: '00000000-0000-4000-8000-00000000dead' })
    scene.operate({ catalogue })
    const uid = await scene.apply('solo')
    expect(await stalled(scene, 'SubscriptionNotFound')).toContain('subscriptionId')
    Object.assign(catalogue.regions[REGION] ?? {}, {
      subscriptionId: world().catalogue.regions[REGION]?.subscriptionId,
    })
    await playsAndGoes(scene, uid)
  })

  test.concurrent('an image that Azure does not have: mend its id in the catalogue', async ({ onTestFinished }) => {
    const scene = await world().scene('image', onTestFinished)
    const right = world().catalogue.images['linux-nvidia']
    if (!right) throw new Error('The sample catalogue has lost its image.')
    const wrong = { ...right, id: `${right.id.replace(/[^/]+$/, '')}99.0.0` }
    const catalogue = { ...world().catalogue, images: { 'linux-nvidia': wrong } }
    scene.operate({ catalogue })
    const uid = await scene.apply('solo')
    const message = await stalled(scene, 'GalleryImageNotFound')
    expect(message).toContain("Check the id of spec.image in the catalogue's images")
    expect(await refusals(uid)).toBe(1)
    Object.assign(wrong, right)
    await playsAndGoes(scene, uid)
  })

  test.concurrent('an image that the catalogue does not know: add it there, and Azure is asked for nothing before', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('image-key', onTestFinished)
    const images: World['catalogue']['images'] = {}
    scene.operate({ catalogue: { ...world().catalogue, images } })
    const uid = await scene.apply('solo')
    expect(await stalled(scene, 'ImageUnknown')).toContain('Add it to the catalogue')
    expect((await world().azure.calls(0)).filter(({ method, path }) => method !== 'GET' && path.includes(uid))).toEqual(
      [],
    )
    Object.assign(images, world().catalogue.images)
    await playsAndGoes(scene, uid)
  })

  test.concurrent('a region that Azure does not have: of a session edit spec.regions', async ({ onTestFinished }) => {
    const scene = await world().scene('region', onTestFinished)
    const region = world().catalogue.regions[REGION]
    if (!region) throw new Error('The sample catalogue has lost its region.')
    scene.operate({
      sessions: true,
      catalogue: { ...world().catalogue, regions: { ...world().catalogue.regions, atlantis: region } },
    })
    await scene.play('evening', { regions: ['atlantis'] })
    const session = await scene.session('evening', 'is stalled', s => s.status?.phase === 'Failed')
    const { reason = '', message = '' } = condition(session.status?.conditions, 'Stalled') ?? {}
    expect(reason).toBe('LocationNotAvailableForResourceType')
    expect(message).toContain("Check spec.region and the catalogue's regions")
    await scene.until('it is told', async () => await isTold(scene, { reason, message }))
    const { metadata } = await scene.machine('evening-atlantis', 'is there', () => true)
    expect(await refusals(metadata.uid ?? '')).toBe(1)
    await scene.want('evening', { spec: { regions: [REGION] } })
    await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
    expect(await world().azure.standing(metadata.uid)).toEqual([])
    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await scene.session('evening', 'has ended', s => s.status?.phase === 'Ended')
  })

  test.concurrent('a region that the catalogue does not have: of a session edit spec.regions, and nothing is made before', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('region-key', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening', { regions: ['atlantis'] })
    const session = await scene.session('evening', 'is stalled', s => s.status?.phase === 'Failed')
    const { reason = '', message = '' } = condition(session.status?.conditions, 'Stalled') ?? {}
    expect({ reason, message }).toMatchObject({
      reason: 'RegionUnknown',
      message: expect.stringMatching(/no region "atlantis"; it has: .*westeurope.*Edit spec.regions/),
    })
    await scene.until('it is told', async () => await isTold(scene, { reason, message }))
    expect(await scene.get('evening-atlantis')).toBeUndefined()
    await scene.want('evening', { spec: { regions: [REGION] } })
    await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
  })

  test.concurrent.for([
    { who: 'tenant', identity: { tenantId: NOBODY }, says: /AADSTS90002.*no such tenant. Mend tenantId/ },
    { who: 'application', identity: { clientId: NOBODY }, says: /AADSTS700016.*no such application. Mend clientId/ },
  ])(
    'a wrong $who in the catalogue: stalled at once, and mended there',
    async ({ who, identity, says }, { onTestFinished }) => {
      const scene = await world().scene(`wrong-${who}`, onTestFinished)
      const { tenantId, clientId } = world().azure.settings
      const right = { tenantId, clientId }
      const subscription = world().catalogue.regions[REGION]?.subscriptionId ?? ''
      const subscriptions = { [subscription]: { ...right, ...identity } }
      const operator = scene.operate({
        catalogue: { ...world().catalogue, subscriptions },
        cut: { after: Number.POSITIVE_INFINITY, counting: 'calls' },
      })
      const uid = await scene.apply('solo')
      expect(await stalled(scene, 'AzureCredentialsRefused')).toMatch(says)
      // Entra is asked once for a look; nothing else gets as far as that.
      const looks = operator.calls.filter(call => !call.startsWith('apply') && !call.startsWith('update'))
      expect(looks.length).toBeLessThanOrEqual(4)
      expect(await world().azure.standing(uid)).toEqual([])
      subscriptions[subscription] = right
      await playsAndGoes(scene, uid)
    },
  )

  test.concurrent('a wrong tenant in the values: the same words, and the operator that starts with the right one goes on', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('tenant', onTestFinished)
    const operator = scene.operate({ azure: { ...world().azure.settings, tenantId: NOBODY } })
    const uid = await scene.apply('solo')
    expect(await stalled(scene, 'AzureCredentialsRefused')).toContain(
      "azure.tenantId and azure.clientId in the chart's values",
    )
    await operator.stop()
    scene.operate()
    await playsAndGoes(scene, uid)
  })
}
