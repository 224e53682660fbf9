// Where a controller's keys come from: objects that change, objects that belong to one another, the world outside.
import { pause } from './abort.ts'
import { LOW_PRIORITY } from './queue.ts'
import type { Change, Reflector } from './reflector.ts'
import { type KubernetesObject, keyOf, type ObjectReference, referenceOf } from './resource.ts'
import type { Runtime } from './runtime.ts'
import type { Store } from './store.ts'

/** Takes a key that needs a look. */
export type Sink = (key: ObjectReference, priority: number) => void

export interface Source {
  /** Resolves when what stands already is known. */
  readonly synced: Promise<void>
  /** Hands over what stands, then what changes, until the signal is aborted. */
  start(sink: Sink, options: { signal: AbortSignal; runtime: Runtime }): void
}

export interface RawSource extends Source {
  /** Asks for a look at `key`; dropped while no controller runs. */
  push(key: ObjectReference, priority?: number): void
}

export interface ReflectedOptions<T extends KubernetesObject> {
  /** Whose keys need a look when this object changes; without one, the object's own. */
  map?: (object: T) => readonly ObjectReference[]
  /** Which changes matter; without one, all. What stands at the start always does. */
  predicate?: (change: Change<T>) => boolean
  /** How urgent a change of it is, for the work queue; without one, 0. What stands at the start is never urgent. */
  priority?: (object: T) => number
  /** Everything is looked at again so often, at low priority, give or take a tenth. Default 36,000 (10 h). */
  resyncSeconds?: number
}

/** Every object of a reflector, as it stands and as it changes. */
export function reflected<T extends KubernetesObject>(
  reflector: Pick<Reflector<T>, 'synced' | 'onChange'> & { store: Pick<Store<T>, 'list'> },
  options: ReflectedOptions<T> = {},
): Source {
  const { map = object => [referenceOf(object)], predicate = () => true, priority = () => 0 } = options
  const { resyncSeconds = 36_000 } = options

  const standing = (sink: Sink, { log }: Runtime) => {
    for (const object of reflector.store.list()) {
      try {
        for (const key of map(object)) sink(key, LOW_PRIORITY)
      } catch (error) {
        log.error({ kind: object.kind, object: keyOf(referenceOf(object)), error }, 'An object could not be mapped')
      }
    }
  }
  const resync = async (sink: Sink, signal: AbortSignal, runtime: Runtime) => {
    const { clock, random } = runtime
    while (!signal.aborted) {
      await pause(clock, resyncSeconds * (0.9 + 0.2 * random()), signal)
      if (!signal.aborted) standing(sink, runtime)
    }
  }

  return {
    synced: reflector.synced,
    start(sink, { signal, runtime }) {
      const stop = reflector.onChange(change => {
        const errors: unknown[] = []
        const attempt = <Answer>(ask: () => Answer, otherwise: Answer): Answer => {
          try {
            return ask()
          } catch (error) {
            errors.push(error)
            return otherwise
          }
        }
        if (!change.initial && !attempt(() => predicate(change), true)) return
        const urgency = change.initial ? LOW_PRIORITY : attempt(() => priority(change.object), 0)
        // Before the change it may have belonged to another, who is to look even where the object as it is cannot be mapped.
        const objects = [change.object, ...(change.old === undefined ? [] : [change.old])]
        const keys = objects.flatMap(object => attempt(() => map(object), []))
        // Each once: an idle worker takes the first at once.
        for (const key of new Map(keys.map(each => [keyOf(each), each])).values()) sink(key, urgency)
        if (errors.length > 0) throw errors[0] // The reflector counts and logs it.
      })
      signal.addEventListener('abort', stop, { once: true })
      standing(sink, runtime)
      void resync(sink, signal, runtime)
    },
  }
}

/**
 * Keys pushed by hand: a cloud's events, a probe's findings. `priorityOf`: how urgent the look at a key is where whoever
 * pushes it does not say; 0 without one.
 */
export function rawSource(priorityOf: (key: ObjectReference) => number = () => 0): RawSource {
  const sinks = new Set<Sink>()
  return {
    synced: Promise.resolve(),
    start(sink, { signal }) {
      sinks.add(sink)
      signal.addEventListener('abort', () => sinks.delete(sink), { once: true })
    },
    push(key, priority = priorityOf(key)) {
      for (const sink of sinks) sink(key, priority)
    },
  }
}

/** For `map`: the controlling owner's key when it is of this kind, in whatever version. A declared resource will do. */
export function ownedBy(owner: {
  apiVersion: string
  kind: string
  namespaced?: boolean
}): (object: KubernetesObject) => ObjectReference[] {
  const group = groupOf(owner.apiVersion)
  return object => {
    const reference = object.metadata.ownerReferences?.find(each => each.controller === true)
    if (reference?.kind !== owner.kind || groupOf(reference.apiVersion) !== group) return []
    const { namespace } = object.metadata
    return [owner.namespaced === false ? { name: reference.name } : { namespace, name: reference.name }]
  }
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
}
