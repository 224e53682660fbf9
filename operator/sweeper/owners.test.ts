import { expect, test } from 'vitest'
import { machineOf, playing } from '../gpuvm/sights.fixture.ts'
import { isOwned, sweepable } from './orphans.ts'
import { borne, ownersAmong } from './owners.ts'

const we = { installationId: 'ours' }
const markedBy = (installation: string | undefined) =>
  machineOf({
    metadata: {
      uid: 'theirs',
      annotations: installation === undefined ? {} : { 'wasd.cloud/installation': installation },
    },
    status: { ...playing, adoptedFrom: 'before' },
  })

test.each([
  { title: 'I2: where one of ours stands, the cluster is ours', mark: 'ours', isShown: true },
  { title: 'one that nobody has taken on yet counts as ours: we would', mark: undefined, isShown: true },
  {
    title: "another installation's object stands there: that shows no cluster to be ours, and nothing is swept",
    mark: 'another',
    isShown: false,
  },
])('$title', ({ mark, isShown }) => {
  const owners = ownersAmong([borne(markedBy(mark), we)])
  expect(owners.ours > 0).toBe(isShown)
  // Whoever serves it: what bears its UID, or that of the one it goes on for, has an owner.
  for (const uid of ['theirs', 'before'])
    expect(isOwned({ kind: 'disk', tags: { 'wasd-uid': uid } }, owners)).toBe(true)
  const tags = { 'wasd-uid': 'gone', 'wasd-namespace': 'play' }
  const resource = {
    id: 'a',
    kind: 'disk',
    name: 'a',
    resourceGroup: 'rg',
    region: 'r',
    createdAt: undefined,
    tags,
  } as const
  const ripe = [{ subscription: 's', resource }]
  const plan = sweepable({ ripe, tagged: 1, owners: owners.ours, isShown: owners.ours > 0, largestShare: 0.2 })
  expect(plan.halted).toBe(!isShown)
})
