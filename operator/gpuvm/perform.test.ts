import { expect, test } from 'vitest'
import type { KubeClient } from '../../lib/kube/client.ts'
import { KubeError } from '../../lib/kube/errors.ts'
import type { Occurrence } from '../../lib/kube/events.ts'
import { FINALIZER, perform } from './perform.ts'
import { empty, leaving, osDisk, sight } from './sights.fixture.ts'

test('a disk that is kept is told of before the object lets go: nobody could afterwards', async () => {
  const told: string[] = []
  const recorder = { event: (_object: object, { reason }: Occurrence) => void told.push(reason) }
  /** Dies over the finalizer. */
  const mergePatch = async () => {
    told.push('The finalizer goes')
    throw new KubeError('Unreachable', 'Gone.')
  }
  const kube: KubeClient = Object.assign(Object.create(null), { mergePatch })
  const seen = sight({
    metadata: { ...leaving, finalizers: [FINALIZER] },
    observed: { ...empty, osDisk: { ...osDisk, isKept: true } },
  })
  const hands = { azure: Object.create(null), kube, recorder }
  await expect(perform({ do: 'ReleaseObject' }, seen, hands, AbortSignal.timeout(1000))).rejects.toThrow('Gone.')
  expect(told).toEqual(['DiskKept', 'The finalizer goes'])
})
