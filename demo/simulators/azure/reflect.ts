// The three functions of https://rbuckton.github.io/reflect-metadata/ that @peculiar/x509 asks for at its import, through
// tsyringe; neither package brings them along.

type Target = object
const store = new WeakMap<Target, Map<unknown, unknown>>()

function of(target: Target): Map<unknown, unknown> {
  const values = store.get(target) ?? new Map<unknown, unknown>()
  store.set(target, values)
  return values
}

const metadata = {
  defineMetadata(name: unknown, value: unknown, target: Target): void {
    of(target).set(name, value)
  },
  getOwnMetadata(name: unknown, target: Target): unknown {
    return of(target).get(name)
  },
  getMetadata(name: unknown, target: Target): unknown {
    for (let one: Target | null = target; one !== null; one = Object.getPrototypeOf(one)) {
      const value = store.get(one)?.get(name)
      if (value !== undefined) return value
    }
    return undefined
  },
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, metadata)
