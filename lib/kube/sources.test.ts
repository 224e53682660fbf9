import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { handClock } from './hand-clock.ts'
import { kubeMetrics } from './metrics.ts'
import { LOW_PRIORITY } from './queue.ts'
import type { Change } from './reflector.ts'
import { type KubernetesObject, keyOf, type ObjectReference } from './resource.ts'
import { ownedBy, type ReflectedOptions, reflected } from './sources.ts'

const widgets = { apiVersion: 'test.example.com/v1', kind: 'Widget' }

/** `owners` by name, the first of them the controller; or by reference. */
function child(name: string, ...owners: (string | { name: string; apiVersion?: string; kind?: string })[]) {
  const references = owners.map(owner => (typeof owner === 'string' ? { name: owner } : owner))
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      namespace: 'n',
      name,
      ownerReferences: references.map((owner, index) => ({
        ...widgets,
        uid: owner.name,
        controller: index === 0,
        ...owner,
      })),
    },
  }
}

/** A source over what stands; says which keys were asked for, and at which priority. */
function setUp(options: ReflectedOptions<KubernetesObject>, standing: KubernetesObject[] = []) {
  const clock = handClock()
  const lines: Record<string, unknown>[] = []
  const log = pino({ messageKey: 'message' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const handlers = new Set<(change: Change<KubernetesObject>) => void>()
  const reflector: Parameters<typeof reflected<KubernetesObject>>[0] = {
    store: { list: () => standing },
    synced: Promise.resolve(),
    onChange(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
  }
  const asked: string[] = []
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const sink = (key: ObjectReference, priority: number) => void asked.push(`${keyOf(key)} at ${priority}`)
  const runtime = { clock, random: () => 0.5, log, metrics: kubeMetrics(new Registry()) }
  reflected(reflector, options).start(sink, { signal: end.signal, runtime })
  const tell = (change: Change<KubernetesObject>) => {
    for (const handler of handlers) handler(change)
  }
  return { clock, lines, asked, tell, end }
}

test('a change is as urgent as its object says; what stands at the start is not urgent at all', () => {
  const priority = ({ metadata }: KubernetesObject) => (metadata.name === 'b' ? 7 : 0)
  const [a, b] = [child('a'), child('b')]
  const { asked, tell } = setUp({ priority }, [b])
  for (const object of [a, b]) tell({ type: 'Modified', object, old: object, initial: false })
  tell({ type: 'Added', object: b, initial: true })
  expect(asked).toEqual([`n/b at ${LOW_PRIORITY}`, 'n/a at 0', 'n/b at 7', `n/b at ${LOW_PRIORITY}`])
})

test('a map of one’s own says whose keys an object asks for: what stands at low priority, a change at that of any', () => {
  const map = ({ metadata }: KubernetesObject) => (metadata.labels?.wakes ?? '').split(' ').map(name => ({ name }))
  const waking = (wakes: string) => ({ ...child('a'), metadata: { name: 'a', labels: { wakes } } })
  const { asked, tell, end } = setUp({ map }, [waking('x y')])
  expect(asked.splice(0)).toEqual([`x at ${LOW_PRIORITY}`, `y at ${LOW_PRIORITY}`])
  tell({ type: 'Added', object: waking('y z'), initial: false })
  expect(asked.splice(0)).toEqual(['y at 0', 'z at 0'])
  end.abort()
  tell({ type: 'Added', object: waking('z'), initial: false })
  expect(asked).toEqual([])
})

test('an object that changes its owner asks for both, and one that keeps it asks once', () => {
  const { asked, tell } = setUp({ map: ownedBy(widgets) })
  tell({ type: 'Modified', old: child('a', 'before'), object: child('a', 'after'), initial: false })
  expect(asked.splice(0).toSorted()).toEqual(['n/after at 0', 'n/before at 0'])
  tell({ type: 'Modified', old: child('a', 'same'), object: child('a', 'same'), initial: false })
  expect(asked.splice(0)).toEqual(['n/same at 0'])
  tell({ type: 'Modified', old: child('a', 'left'), object: child('a'), initial: false })
  tell({ type: 'Deleted', old: child('a', 'last'), object: child('a', 'last'), initial: false })
  expect(asked).toEqual(['n/left at 0', 'n/last at 0'])
})

test.each([
  ['as it is', 'odd', 'before', 'n/before at 0'],
  ['as it was', 'after', 'odd', 'n/after at 0'],
])(
  'an object that cannot be mapped %s still asks for its other owner, and the reflector is told',
  (_, after, before, key) => {
    const owner = ownedBy(widgets)
    const map = (object: KubernetesObject) => {
      if (object.metadata.ownerReferences?.some(({ name }) => name === 'odd')) throw new Error('no such thing')
      return owner(object)
    }
    const { asked, tell } = setUp({ map })
    const change = { type: 'Modified', old: child('a', before), object: child('a', after), initial: false } as const
    expect(() => tell(change)).toThrow('no such thing')
    expect(asked).toEqual([key])
  },
)

test('a change that a predicate cannot judge is looked at, and the reflector is told', () => {
  const predicate = () => {
    throw new Error('no such thing')
  }
  const { asked, tell } = setUp({ predicate })
  expect(() => tell({ type: 'Added', object: child('a'), initial: false })).toThrow('no such thing')
  expect(asked).toEqual(['n/a at 0'])
})

test('a map that throws for one object is told with its name, at the start and at each resync, and costs no other its look', async () => {
  const map = ({ metadata: { namespace, name } }: KubernetesObject) => {
    if (name === 'odd') throw new Error('no such thing')
    return [{ namespace, name }]
  }
  const { clock, lines, asked } = setUp({ map, resyncSeconds: 100 }, [child('a'), child('odd'), child('b')])
  const looks = ['n/a', 'n/b'].map(key => `${key} at ${LOW_PRIORITY}`)
  expect(asked.splice(0)).toEqual(looks)
  expect(lines.splice(0)).toMatchObject([{ message: 'An object could not be mapped', object: 'n/odd' }])
  await clock.advance(101)
  expect(asked).toEqual(looks)
  expect(lines).toMatchObject([{ object: 'n/odd' }])
})

test.each([
  ['its controller, in the namespace of the object', child('a', 'x'), { namespace: 'n', name: 'x' }],
  [
    'the same group at another version',
    child('a', { name: 'x', apiVersion: 'test.example.com/v9' }),
    { namespace: 'n', name: 'x' },
  ],
  ['nobody: another group', child('a', { name: 'x', apiVersion: 'other.example.com/v1' }), undefined],
  ['nobody: the core group', child('a', { name: 'x', apiVersion: 'v1' }), undefined],
  ['nobody: another kind', child('a', { name: 'x', kind: 'Gadget' }), undefined],
  ['nobody: it is an owner, and not the controller', child('a', { name: 'x', kind: 'Gadget' }, 'y'), undefined],
  ['nobody: no owners', child('a'), undefined],
])('an owned object maps to %s', (_whom, object, key) => {
  expect(ownedBy(widgets)(object)).toEqual(key === undefined ? [] : [key])
})

test('the owner of a kind without namespaces has a key without one', () => {
  expect(ownedBy({ ...widgets, namespaced: false })(child('a', 'x'))).toEqual([{ name: 'x' }])
})
