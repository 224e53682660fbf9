// One view of a kind over the namespaces that are served: all of them, one, or several, each with a reflector of its
// own, since the API server lists one namespace or all.
import { type Reflector, type ReflectorOptions, reflector } from './reflector.ts'
import type { KubernetesObject, Resource } from './resource.ts'
import type { Store } from './store.ts'

export interface NamespacesView<T extends KubernetesObject, Name extends string = never> {
  /** All of them as one, for those who read. It is not to be run. */
  view: Reflector<T, Name>
  /** Each by itself, for the manager to run and for own writes to be waited for. */
  parts: Reflector<T, Name>[]
}

export function reflectNamespaces<T extends KubernetesObject, Name extends string = never>(
  options: Omit<ReflectorOptions<T, Name>, 'namespace'> & {
    /** Empty: all. */
    namespaces: readonly string[]
  },
): NamespacesView<T, Name> {
  const { namespaces, ...common } = options
  const [first, ...others] = namespaces.length > 0 ? [...new Set(namespaces)] : [undefined]
  const head = reflector({ ...common, namespace: first })
  const parts = [head, ...others.map(namespace => reflector({ ...common, namespace }))]
  return { view: parts.length === 1 ? head : union(options.resource, parts), parts }
}

function union<T extends KubernetesObject, Name extends string>(
  resource: Resource<T>,
  parts: readonly Reflector<T, Name>[],
): Reflector<T, Name> {
  const stores = parts.map(({ store }) => store)
  const store: Store<T, Name> = {
    get: key => stores.map(each => each.get(key)).find(object => object !== undefined),
    list: () => stores.flatMap(each => each.list()),
    byIndex: (name, value) => stores.flatMap(each => each.byIndex(name, value)),
    get size() {
      return stores.reduce((sum, each) => sum + each.size, 0)
    },
    resourceVersion: undefined, // Each part has its own.
  }
  return {
    resource,
    namespace: undefined,
    store,
    synced: Promise.all(parts.map(({ synced }) => synced)).then(() => undefined),
    isSynced: () => parts.every(part => part.isSynced()),
    onChange(handler) {
      const stops = parts.map(part => part.onChange(handler))
      return () => {
        for (const stop of stops) stop()
      }
    },
    lastEventAgeSeconds() {
      const ages = parts.map(part => part.lastEventAgeSeconds())
      return ages.every(age => age !== undefined) ? Math.max(...ages) : undefined
    },
    lastError: () => parts.map(part => part.lastError()).find(error => error !== undefined),
    run: () => Promise.reject(new TypeError('Run the parts of a view, not the view.')),
  }
}
