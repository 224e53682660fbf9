// Two releases of the chart in one cluster and one Azure subscription, as two teams have them: under the same name, with
// the same player and the same names of sessions. The tests are the steps of one story.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { succeed } from '../../demo/stack/commands.ts'
import { type Deed, type Ground, openGround, type Team } from './team.stage.ts'

let ground: Ground
let north: Team
let south: Team

beforeAll(async () => {
  ground = await openGround()
  north = ground.team('north')
  south = ground.team('south')
})
afterAll(async () => await ground?.close())

const MACHINE = 'evening-centralindia'
/** The events by which an operator tells that its sweep has stopped. */
const HALTED = [
  '--field-selector=reason=SweepHalted',
  '-o=jsonpath={range .items[*]}{.type} {.involvedObject.name}: {.message}{end}',
]
/** Each against the other. */
const pairs = (): [one: Team, other: Team][] => [
  [north, south],
  [south, north],
]
const crdOwner = async () =>
  await ground.kubectl([
    'get',
    'crd/gamesessions.wasd.cloud',
    '-o=jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-namespace}',
  ])

test('I8: helm installs both; the CRDs are one release’s, and whoever forgets that is told what to set', async () => {
  await succeed(north.install(), 'helm')
  const refused = await south.install()
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(
    'The CRD gamesessions.wasd.cloud belongs to release wasd in namespace north, and one release has to hold it for all. Set crds.enabled to false here, and upgrade that release first.',
  )
  await succeed(south.install({ crds: { enabled: false } }), 'helm')
  await succeed(north.install(), 'helm') // Its own CRDs hinder nobody's upgrade.
  expect(await crdOwner()).toBe('north')
  expect(
    await ground.kubectl(['get', 'clusterroles,clusterrolebindings', '-l=app.kubernetes.io/name=wasd-cloud']),
  ).toBe('')
})

test('I1: each leads by a Lease of its own, and serves its own namespaces alone', async () => {
  await Promise.all([north.start(), south.start()])
  await Promise.all([north.plays('evening'), south.plays('evening'), south.plays('late')])

  const uids = []
  for (const team of [north, south]) {
    const lease = [`-n=${team.name}`, 'get', 'lease/wasd-operator', '-o=jsonpath={.spec.holderIdentity}']
    expect(await ground.kubectl(lease)).toMatch(/^wasd-operator-0_/)
    for (const object of ['gs/evening', `gvm/${MACHINE}`]) {
      expect(await team.field(object, '{.metadata.annotations.wasd\\.cloud/installation}')).toBe(team.installationId)
    }
    const uid = await team.field(`gvm/${MACHINE}`, '{.metadata.uid}')
    const parts = ['vm-1', 'nic', 'ip', 'os'].map(part => `gvm-${uid}-${part}`)
    expect((await team.inAzure()).filter(name => name.includes(uid)).sort()).toEqual(parts.sort())
    uids.push(uid)
  }
  expect(new Set(uids).size).toBe(2)
  expect(await north.inAzure()).toHaveLength(4)
  expect(await south.inAzure()).toHaveLength(8)
})

test('the audit log has seen neither operator ask for anything outside of its namespaces, nor be refused', async () => {
  for (const team of [north, south]) {
    const asked = await team.asked()
    const deeds = new Set(asked.map(({ verb, resource }) => `${verb} ${resource}`))
    for (const verb of ['list', 'watch', 'update'])
      for (const kind of ['gamesessions', 'gpuvms']) expect(deeds).toContain(`${verb} ${kind}`)
    for (const deed of ['create gpuvms', 'create secrets', 'create events', 'update leases'])
      expect(deeds).toContain(deed)
    expect(new Set(asked.map(({ namespace }) => namespace))).toEqual(new Set([team.name, team.play]))
    expect(asked.filter(({ code }) => code === 401 || code === 403)).toEqual([])
  }
})

const machine = {
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GpuVm',
  metadata: { name: 'intruder' },
  spec: { region: 'centralindia', size: 'Standard_NC8as_T4_v3', image: 'linux-nvidia' },
}
/** What an operator does all day, by the verb and resource that RBAC knows it under. */
const deedsIn = (namespace: string, holder: string): Record<string, Deed> => {
  const ours = `/apis/wasd.cloud/v1alpha1/namespaces/${namespace}`
  const metadata = { annotations: { 'wasd.cloud/suspend': '' } }
  return {
    'list resource "gamesessions"': { method: 'GET', path: `${ours}/gamesessions` },
    'patch resource "gamesessions"': { method: 'PATCH', path: `${ours}/gamesessions/evening`, body: { metadata } },
    'update resource "gamesessions/status"': { method: 'PUT', path: `${ours}/gamesessions/evening/status`, body: {} },
    'delete resource "gamesessions"': { method: 'DELETE', path: `${ours}/gamesessions/evening` },
    'get resource "gpuvms"': { method: 'GET', path: `${ours}/gpuvms/${MACHINE}` },
    'create resource "gpuvms"': { method: 'POST', path: `${ours}/gpuvms`, body: machine },
    'patch resource "gpuvms"': { method: 'PATCH', path: `${ours}/gpuvms/${MACHINE}`, body: { metadata } },
    'update resource "gpuvms/status"': { method: 'PUT', path: `${ours}/gpuvms/${MACHINE}/status`, body: {} },
    'delete resource "gpuvms"': { method: 'DELETE', path: `${ours}/gpuvms/${MACHINE}` },
    'get resource "secrets"': { method: 'GET', path: `/api/v1/namespaces/${namespace}/secrets/${MACHINE}` },
    'get resource "leases"': {
      method: 'GET',
      path: `/apis/coordination.k8s.io/v1/namespaces/${holder}/leases/wasd-operator`,
    },
  }
}

test('with the token of one operator nothing of the other can be read, changed, made or deleted', async () => {
  for (const [one, other] of pairs()) {
    const asks = await one.asker('operator')
    for (const deed of Object.values(deedsIn(one.play, one.name))) {
      expect({ deed, ...(await asks(deed)) }).not.toMatchObject({ status: 403 })
    }
    for (const [named, deed] of Object.entries(deedsIn(other.play, other.name))) {
      const message = expect.stringContaining(`User "${one.user}" cannot ${named} in API group`)
      expect({ deed, ...(await asks(deed)) }).toMatchObject({ status: 403, message })
    }
    const everywhere = await asks({ method: 'GET', path: '/apis/wasd.cloud/v1alpha1/gamesessions' })
    expect(everywhere).toMatchObject({ status: 403, message: expect.stringContaining('at the cluster scope') })
  }
})

test('each API is kept by its own policy, and may read the Secrets of its sessions, not those of its release', async () => {
  for (const [one, other] of pairs()) {
    const asks = await one.asker('api')
    const path = `/apis/wasd.cloud/v1alpha1/namespaces/${one.play}/gamesessions`
    const spec = { player: 'mallory', game: 'neon-rally', tier: 'standard', regions: ['centralindia'] }
    const body = { apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession', metadata: { name: 'free' }, spec }
    const policy = `${one.name}-wasd-api`
    expect((await asks({ method: 'POST', path, body })).message).toContain(
      `ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: A session of the API is named gs-`,
    )
    const reads = async (namespace: string, secret: string) =>
      (await asks({ method: 'GET', path: `/api/v1/namespaces/${namespace}/secrets/${secret}` })).status
    expect(await reads(one.play, MACHINE)).toBe(200)
    expect(await reads(one.name, 'wasd-api')).toBe(403)
    expect(await reads(other.play, MACHINE)).toBe(403)
  }
})

test('I2: what one release has lost in Azure the other’s sweeper leaves alone, and its own sweeps', async () => {
  const before = await south.inAzure()
  await south.stop()
  const uid = await south.field('gvm/late-centralindia', '{.metadata.uid}')
  await south.loses('late')
  await ground.sweeps(6) // Of the north alone, and over more than its grace.
  expect((await south.inAzure()).sort()).toEqual(before.sort())

  await south.start()
  await ground.until('what was lost is swept', async () => !(await south.inAzure()).some(name => name.includes(uid)))
  expect(await south.inAzure()).toHaveLength(4)
  expect(await north.inAzure()).toHaveLength(4)
})

test('I2: a release whose objects are all lost deletes nothing in Azure and says so; once one stands there, what is nobody’s goes', async () => {
  const before = await south.inAzure()
  await south.stop()
  await south.loses('evening')
  await south.start()
  const told = async () => (await ground.kubectl(['-n=south', 'get', 'events', ...HALTED])) || undefined
  const note = await ground.until('the halt is told', told)
  expect(note).toMatch(/^Warning wasd-operator-0: 4 Azure resources seem to have no owner: .* none is deleted\./)
  expect(note).toContain('set operator.sweep.largestShare to 1')
  await ground.sweeps(6)
  expect((await south.inAzure()).sort()).toEqual(before.sort())

  await south.plays('again')
  await ground.until('the rest is swept', async () => !(await south.inAzure()).some(name => before.includes(name)))
  expect(await south.inAzure()).toHaveLength(4)
})

test('one release goes, and the other plays on; then the CRDs can become its own', async () => {
  await ground.kubectl([`-n=${north.play}`, 'delete', 'gs', '--all', '--timeout=40s'])
  expect(await north.inAzure()).toEqual([])
  await north.stop()
  await north.uninstall()
  const policies = z
    .looseObject({ items: z.array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) })) })
    .parse(JSON.parse(await ground.kubectl(['get', 'validatingadmissionpolicies', '-o=json'])))
  expect(policies.items.map(({ metadata }) => metadata.name)).toEqual(['south-wasd-api'])

  const phase = async () => await south.field('gs/again', '{.status.phase}')
  expect(await phase()).toBe('Running')
  await succeed(south.install({}, ['--take-ownership']), 'helm')
  expect(await crdOwner()).toBe('south')
  expect(await phase()).toBe('Running')
  await ground.kubectl([`-n=${south.play}`, 'delete', 'gs', '--all', '--timeout=40s']) // Served as before.
  expect(await south.inAzure()).toEqual([])
})
