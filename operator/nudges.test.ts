// Whoever asks for a look, a poll, a probe, another object: the object says how urgent it is.
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { handClock } from '../lib/kube/hand-clock.ts'
import { kubeMetrics } from '../lib/kube/metrics.ts'
import { WorkQueue } from '../lib/kube/queue.ts'
import { type KubernetesObject, keyOf, referenceOf } from '../lib/kube/resource.ts'
import type { RawSource } from '../lib/kube/sources.ts'
import { IndexedStore, type Store } from '../lib/kube/store.ts'
import { createLogger } from '../lib/telemetry/log.ts'
import { sessionOf } from './gamesession/sights.fixture.ts'
import { sessionNudges } from './gamesession/urgency.ts'
import { machineOf } from './gpuvm/sights.fixture.ts'
import { machineNudges } from './gpuvm/urgency.ts'
import { unseenStatus } from './unseen.fixture.ts'

/** In which order one worker takes what was asked for in this one. */
async function order<T extends KubernetesObject>(nudgesOf: (store: Pick<Store<T>, 'get'>) => RawSource, objects: T[]) {
  const store = new IndexedStore<T>()
  const log = createLogger({ program: 'test', level: 'silent' })
  const runtime = { clock: handClock(), random: () => 0.5, log, metrics: kubeMetrics(new Registry()) }
  const queue = new WorkQueue({ name: 'q', runtime })
  const nudges = nudgesOf(store)
  const signal = AbortSignal.timeout(5000)
  nudges.start((key, priority) => queue.add(keyOf(key), priority), { signal, runtime })
  for (const object of objects) store.set(object)
  for (const object of objects) nudges.push(referenceOf(object))
  const taken: string[] = []
  while (queue.length > 0) {
    const { key = '' } = (await queue.take(signal)) ?? {}
    taken.push(key)
    queue.done(key)
  }
  return taken.map(key => key.replace('play/', ''))
}

test('a session that was begun is looked at before those that nobody has begun, whoever asks', async () => {
  const unseen = (name: string) =>
    sessionOf({ name, status: unseenStatus('gamesessions'), metadata: { name, finalizers: [] } })
  const begun = sessionOf({ name: 'begun', status: { ...unseenStatus('gamesessions'), observedGeneration: 1 } })
  expect(await order(sessionNudges, [unseen('one'), unseen('two'), begun])).toEqual(['begun', 'one', 'two'])
})

test('so is a machine, and first of all the one whose player was thrown out', async () => {
  const unseen = (name: string) => machineOf({ status: unseenStatus('gpuvms'), metadata: { name } })
  const { status: played = {} } = machineOf()
  const { stream: _unplayed, ...made } = played
  const begun = machineOf({ status: made, metadata: { name: 'begun' } })
  const lost = machineOf({ status: played, metadata: { name: 'lost' } })
  expect(await order(machineNudges, [unseen('one'), unseen('two'), begun, lost])).toEqual([
    'lost',
    'begun',
    'one',
    'two',
  ])
})
