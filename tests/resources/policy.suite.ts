// What somebody could do who has the API's credentials. Its roles are thrown wide open first, so that nothing but the
// chart's ValidatingAdmissionPolicy stands in the way.
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { examples } from '../crds/examples.ts'
import { allFields, valueAt } from '../crds/schema.ts'
import type { Theatre } from './theatre.ts'

const OWN = 'gs-00000000000000000000000000'
/** The API's own, but for what it is made with. */
const mayChange = ['paidSeconds', 'desiredState', 'ttlSecondsAfterFinished']

const session = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GameSession',
  metadata: {
    name,
    labels: { 'app.kubernetes.io/managed-by': 'wasd-api', 'wasd.cloud/player': 'mallory' },
    finalizers: ['wasd.cloud/settlement'],
    ...metadata,
  },
  // A price at which there is nothing: no machine is made of it.
  spec: {
    player: 'mallory',
    game: 'neon-rally',
    tier: 'standard',
    regions: ['centralindia'],
    capacity: { maxHourlyPriceUsd: '0.01' },
    paidSeconds: 600,
    ...spec,
  },
})

const answer = z.looseObject({ message: z.string().default('') })
type Method = 'POST' | 'PATCH' | 'DELETE'

export function policyKeepsTheApi(theatre: () => Theatre): void {
  let forge: (method: Method, path: string, body?: object) => Promise<{ status: number; message: string }>
  let dispatcher: Agent

  const all = (rights: object) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: { name: 'forger' },
    ...rights,
  })

  beforeAll(async () => {
    const { stage } = theatre()
    const { kubectl, stack } = stage
    const rules = [{ apiGroups: ['wasd.cloud'], resources: ['*'], verbs: ['*'] }]
    await kubectl(['apply', '-f', '-'], all({ kind: 'ClusterRole', rules }))
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: stack.users.api }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'forger' }
    await kubectl(['apply', '-f', '-'], all({ kind: 'ClusterRoleBinding', subjects, roleRef }))

    const token = (await kubectl(['create', 'token', stack.users.api.split(':').at(-1) ?? ''])).trim()
    dispatcher = new Agent({ connect: { ca: stack.cluster.ca } })
    forge = async (method, path, body) => {
      const reply = await request(
        `${stack.cluster.server}/apis/wasd.cloud/v1alpha1/namespaces/${stack.namespace}/${path}`,
        {
          method,
          dispatcher,
          headers: {
            authorization: `Bearer ${token}`,
            'user-agent': 'forger',
            'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
          },
          ...(body && { body: JSON.stringify(body) }),
        },
      )
      return { status: reply.statusCode, message: answer.parse(await reply.body.json()).message }
    }
    await stage.applied('an-sres', { capacity: { preference: 'SpotFirst', maxHourlyPriceUsd: '0.01' } })
    const machine = { region: 'westeurope', size: 'Standard_NC4as_T4_v3', image: 'none' } as const
    await stage.bareMachine('bare', machine)
    await kubectl(['annotate', 'gvm', 'bare', 'example.com/of=an-sre'])
  })

  afterAll(async () => {
    const { kubectl } = theatre().stage
    await forge('PATCH', `gamesessions/${OWN}`, { metadata: { finalizers: ['wasd.cloud/operator'] } })
    await kubectl(['delete', 'clusterrolebinding/forger', 'clusterrole/forger'])
    await kubectl(['delete', 'gs,gvm', '--all', '--timeout=60s'])
    await dispatcher.close()
  })

  async function isRefused(what: string, method: Method, path: string, body: object | undefined, words: RegExp) {
    const { status, message } = await forge(method, path, body)
    expect({ what, status, message }).toMatchObject({
      status: expect.toBeOneOf([403, 422]),
      message: expect.stringMatching(words),
    })
  }

  async function isTaken(what: string, method: Method, path: string, body: object) {
    const { status, message } = await forge(method, path, body)
    expect({ what, status: status < 300 ? 'taken' : status, message }).toEqual({ what, status: 'taken', message: '' })
  }

  describe('I4: with the credentials of the API and every right', () => {
    test('a session is made only as the API makes its own: metered, labelled, to be settled', async () => {
      const words = /A session of the API is named gs-…, is metered by paidSeconds/
      for (const [what, object] of Object.entries({
        'not metered': session('gs-1', { paidSeconds: undefined }),
        'not to be settled': session('gs-1', {}, { finalizers: [] }),
        'held by another finalizer': session(
          'gs-1',
          {},
          { finalizers: ['wasd.cloud/settlement', 'wasd.cloud/operator'] },
        ),
        "under an SRE's name": session('of-an-sre'),
        'without the label': session('gs-1', {}, { labels: { 'wasd.cloud/player': 'mallory' } }),
        "under another's label": session('gs-1', { player: 'asha' }),
        suspended: session('gs-1', {}, { annotations: { 'wasd.cloud/suspend': '' } }),
      })) {
        await isRefused(what, 'POST', 'gamesessions', object, words)
      }
      await isTaken('as its own', 'POST', 'gamesessions', session(OWN))
      await theatre().stage.kubectl([
        'wait',
        `gs/${OWN}`,
        '--for=jsonpath={.status.observedGeneration}=1',
        '--timeout=20s',
      ])
    })

    test('of its own session it changes paid seconds and the desired state, and no other field of the spec', async () => {
      const fields = allFields().filter(
        ({ kind, way }) => kind === 'GameSession' && way.length === 2 && way[0] === 'spec',
      )
      const others: Record<string, unknown> = {
        player: 'asha',
        game: 'star-caravan',
        tier: 'ultra',
        regions: ['southindia'],
        capacity: { maxHourlyPriceUsd: '9' },
        stream: { fps: 120 },
        clientCIDRs: ['0.0.0.0/0'],
        disconnectGraceSeconds: 0,
        idleTimeoutSeconds: 0,
        maxDurationSeconds: 60,
      }
      for (const { way } of fields) {
        const name = String(way[1])
        if (mayChange.includes(name)) continue
        expect(others).toHaveProperty(name)
        const words =
          /immutable|Of a session's spec the API may change only paidSeconds, desiredState and ttlSecondsAfterFinished/
        await isRefused(name, 'PATCH', `gamesessions/${OWN}`, { spec: { [name]: others[name] } }, words)
      }
      const own = { paidSeconds: 1200, desiredState: 'Paused', ttlSecondsAfterFinished: 60 }
      await isTaken('its own fields', 'PATCH', `gamesessions/${OWN}`, { spec: own })
    })

    test('of its metadata it changes the settlement alone', async () => {
      const own = `gamesessions/${OWN}`
      const metadata = /Of a session's metadata the API may change only its own two labels, its finalizer/
      const settled = ['wasd.cloud/settlement']
      for (const [what, change] of Object.entries({
        "the operator's finalizer off": { finalizers: settled },
        'a finalizer of nobody': { finalizers: [...settled, 'wasd.cloud/operator', 'example.com/for-ever'] },
        suspended: { annotations: { 'wasd.cloud/suspend': '' } },
        abandoned: { annotations: { 'wasd.cloud/abandon': '' } },
        owned: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'none', uid: 'none' }] },
      })) {
        await isRefused(what, 'PATCH', own, { metadata: change }, metadata)
      }
      const labels = /Of a session's labels the API may set only/
      await isRefused('another label', 'PATCH', own, { metadata: { labels: { team: 'mallory' } } }, labels)
      await isRefused("another's", 'PATCH', own, { metadata: { labels: { 'wasd.cloud/player': 'asha' } } }, labels)
      await isTaken('settled', 'PATCH', own, { metadata: { finalizers: ['wasd.cloud/operator'] } })
      await isTaken('to be settled', 'PATCH', own, { metadata: { finalizers: ['wasd.cloud/operator', ...settled] } })
      await theatre().stage.kubectl(['annotate', `gs/${OWN}`, 'example.com/of=an-sre'])
      const foreign = { 'example.com/of': null, 'wasd.cloud/end': '' }
      await isRefused("an SRE's annotation off", 'PATCH', own, { metadata: { annotations: foreign } }, metadata)
      const annotated = (value: string | null) => ({ metadata: { annotations: { 'wasd.cloud/pause': value } } })
      for (const value of ['', null]) await isTaken(`paused by ${value}`, 'PATCH', own, annotated(value))
      await isTaken('ended', 'PATCH', own, { metadata: { annotations: { 'wasd.cloud/end': '' } } })
      await isRefused('not ended', 'PATCH', own, { metadata: { annotations: { 'wasd.cloud/end': null } } }, metadata)
    })

    test('the sessions of others, statuses, machines and deletions are closed to it', async () => {
      const others = /The API may change only sessions that it created itself/
      const sres = 'gamesessions/an-sres'
      await isRefused('paid for', 'PATCH', sres, { spec: { paidSeconds: 60 } }, others)
      await isRefused('ended', 'PATCH', sres, { spec: { desiredState: 'Ended' } }, others)
      await isRefused(
        'paused beside it',
        'PATCH',
        sres,
        { metadata: { annotations: { 'wasd.cloud/pause': '' } } },
        others,
      )
      await isRefused('ended beside it', 'PATCH', sres, { metadata: { annotations: { 'wasd.cloud/end': '' } } }, others)
      const labels = { 'app.kubernetes.io/managed-by': 'wasd-api', 'wasd.cloud/player': 'player-of-an-sres' }
      await isRefused('taken over', 'PATCH', sres, { metadata: { labels } }, others)

      const closed =
        /The API creates and changes GameSessions and reports status.guest of GpuVms; it may not (UPDATE|CREATE|DELETE) /
      const status = { status: { billing: { seconds: 0, final: true } } }
      await isRefused('billing', 'PATCH', `gamesessions/${OWN}/status`, status, closed)
      await isRefused('deleted', 'DELETE', `gamesessions/${OWN}`, undefined, closed)
      await isRefused('all deleted', 'DELETE', 'gamesessions', undefined, closed)
      await isRefused('machine', 'PATCH', 'gpuvms/bare', { spec: { priority: 'Regular' } }, closed)
      await isRefused('machine let go', 'PATCH', 'gpuvms/bare', { metadata: { finalizers: [] } }, closed)
      await isRefused('machine deleted', 'DELETE', 'gpuvms/bare', undefined, closed)
      const machine = { ...examples.GpuVm, metadata: { name: 'mallorys' } }
      await isRefused('machine made', 'POST', 'gpuvms', machine, closed)
    })

    test("of a machine's status it reports the guest, and no other field", async () => {
      const at = '2026-11-26T18:00:00Z'
      const maintenance = { event: 'Freeze', notBefore: at }
      const guest = { incarnation: 1, connected: true, maintenance, reportedAt: at }
      await isTaken('the guest', 'PATCH', 'gpuvms/bare/status', { status: { guest } })
      const fields = allFields().filter(({ kind, way }) => kind === 'GpuVm' && way.length === 2 && way[0] === 'status')
      for (const { way } of fields.filter(({ way }) => way[1] !== 'guest')) {
        const value = valueAt(examples.GpuVm, way)
        expect({ field: way[1], value }).not.toMatchObject({ value: undefined })
        const status = { [String(way[1])]: typeof value === 'number' ? value + 7 : value }
        const words = /Of a GpuVm the API may write status\.guest alone/
        await isRefused(String(way[1]), 'PATCH', 'gpuvms/bare/status', { status }, words)
      }
    })
  })
}
