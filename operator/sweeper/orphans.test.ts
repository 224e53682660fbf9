import { expect, test } from 'vitest'
import type { TaggedResource } from '../azure/provider.ts'
import { ALWAYS_PERMITTED, type Orphan, orphansOf, PERMITTED_WITHOUT_OWNERS, sweepable } from './orphans.ts'

function resource(uid: string | undefined, different: Partial<TaggedResource> = {}): Orphan {
  const kind = different.kind ?? 'disk'
  const tags = { 'wasd-namespace': 'play', ...(uid !== undefined && { 'wasd-uid': uid }), ...different.tags }
  const name = `${kind}-${uid}`
  return {
    subscription: 's',
    resource: {
      id: name,
      kind,
      name,
      resourceGroup: 'rg',
      region: 'westeurope',
      createdAt: undefined,
      ...different,
      tags,
    },
  }
}
const many = (count: number) => Array.from({ length: count }, (_, index) => resource(`gone-${index}`))

test.each<{ title: string; orphan: Orphan; namespaces?: string[]; is: boolean }>([
  { title: 'I2: nobody bears its UID any more', orphan: resource('gone'), is: true },
  { title: 'its owner lives', orphan: resource('living'), is: false },
  { title: "it is its player's, and kept", orphan: resource('gone', { tags: { 'wasd-keep': '' } }), is: false },
  ...(['virtualMachine', 'networkInterface', 'publicIPAddress', 'networkSecurityGroup'] as const).map(kind => ({
    title: `I2: it is no data, and nobody keeps it: ${kind}`,
    orphan: resource('gone', { kind, tags: { 'wasd-keep': '' } }),
    is: true,
  })),
  { title: 'it tells no UID: nothing is known of it', orphan: resource(undefined), is: false },
  {
    title: 'its namespace is not watched: its owner may live unseen',
    orphan: resource('gone', { tags: { 'wasd-namespace': 'other' } }),
    namespaces: ['play'],
    is: false,
  },
  {
    title: 'I2: it served the making of one that was played',
    orphan: resource('played', { kind: 'snapshot' }),
    is: true,
  },
  { title: 'its owner is still made from it', orphan: resource('living', { kind: 'snapshot' }), is: false },
  { title: 'it is a disk of one that was played', orphan: resource('played'), is: false },
  { title: 'I2: its namespace is watched', orphan: resource('gone'), namespaces: ['play'], is: true },
])('$title', ({ orphan, namespaces = [], is }) => {
  const owners = { living: new Set(['living', 'played']), done: new Set(['played']) }
  expect(orphansOf({ tagged: [orphan], owners, namespaces })).toEqual(is ? [orphan] : [])
})

test('machines go before what they hold, and that before its address', () => {
  const kinds = [
    'snapshot',
    'disk',
    'publicIPAddress',
    'networkSecurityGroup',
    'virtualMachine',
    'networkInterface',
  ] as const
  const ripe = kinds.map(kind => resource('gone', { kind }))
  const plan = sweepable({ ripe, tagged: 100, owners: 5, isShown: true, largestShare: 0.2 })
  expect(plan.delete.map(({ resource: { kind } }) => kind)).toEqual([
    'virtualMachine',
    'networkInterface',
    'publicIPAddress',
    'networkSecurityGroup',
    'disk',
    'snapshot',
  ])
})

test.each([
  { title: 'two machines may always go', ripe: ALWAYS_PERMITTED, tagged: 12, owners: 1, halted: false },
  { title: 'a fifth of a fleet may', ripe: 200, tagged: 1000, owners: 160, halted: false },
  { title: 'more than a fifth is too much to be true', ripe: 201, tagged: 1000, owners: 160, halted: true },
  {
    title: 'a cluster that was emptied loses one machine at most',
    ripe: PERMITTED_WITHOUT_OWNERS,
    tagged: 5,
    owners: 0,
    halted: false,
  },
  {
    title: 'a cluster that was emptied never deletes the world',
    ripe: PERMITTED_WITHOUT_OWNERS + 1,
    tagged: 10_000,
    owners: 0,
    halted: true,
  },
  {
    title: 'a cluster that has shown nothing yet deletes no world, however small',
    ripe: 1,
    tagged: 1,
    owners: 0,
    isShown: false,
    halted: true,
  },
  {
    title: 'where nothing is without an owner nothing halts',
    ripe: 0,
    tagged: 0,
    owners: 0,
    isShown: false,
    halted: false,
  },
  {
    title: 'a person who has looked lets everything go',
    ripe: 10_000,
    tagged: 10_000,
    owners: 0,
    isShown: false,
    largestShare: 1,
    halted: false,
  },
])('$title', ({ ripe, tagged, owners, isShown = true, largestShare = 0.2, halted }) => {
  const plan = sweepable({ ripe: many(ripe), tagged, owners, isShown, largestShare })
  expect(plan.halted).toBe(halted)
  expect(plan.delete).toHaveLength(halted ? 0 : ripe)
})
