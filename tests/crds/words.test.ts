// What a person reads when an object is wrong: the path, the value and what is permitted, from the real API server.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Cluster, startCluster } from '../../demo/cluster/cluster.ts'
import { findTools } from '../../demo/cluster/tools.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'wasd-crds-'))
let cluster: Cluster
let kubectlPath: string

interface Answer {
  ok: boolean
  said: string
}

function kubectl(args: string[], input?: object): Answer {
  const run = spawnSync(kubectlPath, ['--kubeconfig', cluster.kubeconfig, ...args], {
    encoding: 'utf8',
    ...(input && { input: JSON.stringify(input) }),
  })
  return { ok: run.status === 0, said: `${run.stdout}${run.stderr}` }
}

beforeAll(async () => {
  cluster = await startCluster({ folder, controllerManager: false })
  kubectlPath = (await findTools()).kubectl
  const crds = ['gamesessions', 'gpuvms'].flatMap(kind => ['-f', join(root, `crds/wasd.cloud_${kind}.yaml`)])
  expect(kubectl(['apply', '--server-side', ...crds]).said).toMatch(/serverside-applied/)
  expect(kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']).ok).toBe(true)
})

afterAll(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const session = (name: string, spec: object = {}) => ({
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GameSession',
  metadata: { name },
  spec: { player: 'asha', game: 'neon-rally', tier: 'standard', regions: ['centralindia'], ...spec },
})

const machine = (name: string, spec: object = {}) => ({
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GpuVm',
  metadata: { name },
  spec: { region: 'centralindia', size: 'Standard_NC4as_T4_v3', image: 'linux-nvidia', ...spec },
})

describe('I8: bad input is refused by path, value and what is permitted, and nothing is made of it', () => {
  test.each([
    [
      'paidSeconds of nothing',
      session('bad', { paidSeconds: 0 }),
      'spec.paidSeconds: Invalid value: 0: spec.paidSeconds in body should be greater than or equal to 1',
    ],
    [
      'a misspelt state',
      session('bad', { desiredState: 'Runing' }),
      'spec.desiredState: Unsupported value: "Runing": supported values: "Running", "Paused", "Ended"',
    ],
    [
      'an address that is no block',
      session('bad', { clientCIDRs: ['1.2.3.4'] }),
      'spec.clientCIDRs[0]: Invalid value: "1.2.3.4": must be an address block in CIDR notation, such as 203.0.113.7/32',
    ],
    [
      'a region twice',
      session('bad', { regions: ['centralindia', 'centralindia'] }),
      'regions must name each region once',
    ],
    [
      'no region',
      session('bad', { regions: [] }),
      'spec.regions: Invalid value: 0: spec.regions in body should have at least 1 items',
    ],
    [
      'a price that is no decimal',
      session('bad', { capacity: { maxHourlyPriceUsd: '1,5' } }),
      'spec.capacity.maxHourlyPriceUsd: Invalid value: "1,5"',
    ],
    ['an unknown field', session('bad', { gmae: 'x' }), 'unknown field "spec.gmae"'],
    ['a name too long', session('b'.repeat(41)), 'metadata.name may have at most 40 characters'],
    ['no player', session('bad', { player: undefined }), 'spec.player: Required value'],
    ['a size that is none of Azure', machine('bad', { size: 'NC4' }), 'spec.size: Invalid value: "NC4"'],
    [
      'two disks on one lun',
      machine('bad', {
        disks: {
          data: [
            { name: 'a', lun: 0, sizeGiB: 32 },
            { name: 'b', lun: 0, sizeGiB: 32 },
          ],
        },
      }),
      'each data disk needs a lun of its own',
    ],
    [
      'an eviction policy that is none',
      machine('bad', { onEviction: 'Cry' }),
      'spec.onEviction: Unsupported value: "Cry": supported values: "Regular", "Wait"',
    ],
  ])('%s', (_what, object, words) => {
    const { ok, said } = kubectl(['apply', '-f', '-'], object)
    expect(said).toContain(words)
    expect(ok).toBe(false)
    expect(kubectl(['get', 'wasd', '--ignore-not-found', '-o', 'name']).said).not.toContain('bad')
  })
})

describe('what was promised cannot be taken back', () => {
  beforeAll(() => {
    expect(kubectl(['apply', '-f', '-'], session('kept', { paidSeconds: 600 })).ok).toBe(true)
    expect(kubectl(['apply', '-f', '-'], machine('kept')).ok).toBe(true)
  })

  test.each([
    ['gs', { player: 'other' }, 'player is immutable; create a new GameSession instead'],
    ['gs', { game: 'other' }, 'game is immutable'],
    ['gs', { tier: 'other' }, 'tier is immutable'],
    ['gs', { paidSeconds: 599 }, 'spec.paidSeconds: Forbidden: paidSeconds only grows once it is set'],
    ['gs', { paidSeconds: null }, 'spec.paidSeconds: Forbidden: paidSeconds only grows once it is set'],
    ['gvm', { region: 'westeurope' }, 'region is immutable; create a new GpuVm instead'],
    ['gvm', { image: 'other' }, 'image is immutable'],
    ['gvm', { disks: { os: { sizeGiB: 256 } } }, 'the OS disk is immutable'],
  ])('%s %j', (kind, spec, words) => {
    const { ok, said } = kubectl(['patch', kind, 'kept', '--type', 'merge', '-p', JSON.stringify({ spec })])
    expect(said).toContain(words)
    expect(ok).toBe(false)
  })

  test('paid seconds grow, and an end is final', () => {
    const patch = (spec: object) => kubectl(['patch', 'gs', 'kept', '--type', 'merge', '-p', JSON.stringify({ spec })])
    expect(patch({ paidSeconds: 1200 }).ok).toBe(true)
    expect(patch({ desiredState: 'Ended' }).ok).toBe(true)
    expect(patch({ desiredState: 'Running' }).said).toContain('a session that was told to end stays so')
  })
})

test('the samples are valid, applying twice changes nothing, and every field is described', () => {
  const samples = join(root, 'manifests/samples')
  expect(kubectl(['apply', '-f', samples]).ok).toBe(true)
  expect(kubectl(['apply', '-f', samples]).said.match(/unchanged/g)).toHaveLength(2)
  for (const kind of ['gamesessions', 'gpuvms']) {
    const crd = parse(readFileSync(join(root, `crds/wasd.cloud_${kind}.yaml`), 'utf8'))
    expect(undescribed(crd.spec.versions[0].schema.openAPIV3Schema, kind)).toEqual([])
  }
})

interface Schema {
  description?: string
  properties?: Record<string, Schema>
  items?: Schema
}

/** `metadata` is the server's own. */
function undescribed(schema: Schema, path: string): string[] {
  const within = Object.entries(schema.properties ?? {}).filter(
    ([name]) => !(path.split('.').length === 1 && name === 'metadata'),
  )
  return [
    ...(schema.description ? [] : [path]),
    ...within.flatMap(([name, each]) => undescribed(each, `${path}.${name}`)),
    ...(schema.items ? undescribed(schema.items, `${path}[]`) : []),
  ]
}
