// What a route is, and how a request finds its own. ARM's paths are compared without regard to case.
import type { Failure } from './errors.ts'
import type { Library } from './schemas.ts'
import type { World } from './state.ts'
import type { ComputePolicy } from './throttling.ts'

export type Method = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'

export interface Route {
  method: Method
  /** As Azure's reference writes it: `{name}` is one segment. */
  path: string
  /** The resource type as logs, counts and faults name it. */
  kind: string
  /** Whether it lists: the verb in the log is then LIST. */
  lists?: true
  /** Classes of Azure's schemas. */
  library?: Library
  request?: string
  reply?: string
  /** Microsoft.Compute's own limit beside ARM's. */
  policy?: ComputePolicy
  handle: (world: World, call: Call) => Reply
}

/** A request that has been let in. */
export interface Call {
  method: Method
  /** The route's verb and type. */
  kind: string
  /** Without the query. */
  path: string
  pathAndQuery: string
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  header: (name: string) => string | undefined
  apiVersion: string
  /** Scheme, host and port as the client wrote them. */
  baseUrl: string
  /** Checked, without nulls and read-only properties; `undefined` when the route takes none. */
  body: unknown
  /** A fault set by hand: the long-running operation that this call starts fails so. */
  failLate: Failure | undefined
  /** Likewise: it takes so many seconds, before the speed. */
  workSeconds: number | undefined
  /** Likewise: the copy that it starts ends well, and stands still half way. */
  failCopy: { message: string } | undefined
}

export interface Reply {
  status: number
  headers?: Readonly<Record<string, string>>
  body?: unknown
}

export interface Found {
  route: Route
  params: Record<string, string>
}

export interface Router {
  find(method: string, path: string): Found | undefined
  /** Methods that the path takes. */
  methods(path: string): readonly string[]
}

export function router(routes: readonly Route[]): Router {
  const compiled = routes.map(route => ({ route, pattern: patternOf(route.path) }))
  return {
    find(method, path) {
      for (const { route, pattern } of compiled) {
        if (route.method !== method) continue
        const match = pattern.exec(path)
        if (match !== null) return { route, params: { ...match.groups } }
      }
      return undefined
    },
    methods: path => compiled.filter(({ pattern }) => pattern.test(path)).map(({ route }) => route.method),
  }
}

function patternOf(path: string): RegExp {
  const pattern = path.replaceAll('.', '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')
  return new RegExp(`^${pattern}/?$`, 'i')
}

/** A list as ARM pages it: `$skiptoken` is how many came before. */
export function page<Item>(world: World, call: Call, items: readonly Item[], render: (item: Item) => unknown): Reply {
  const { pageSize } = world.settings
  const start = Number(call.query.get('$skiptoken') ?? '0') || 0
  const value = items.slice(start, start + pageSize).map(render)
  const end = start + value.length
  if (end >= items.length) return { status: 200, body: { value } }
  const query = new URLSearchParams(call.query)
  query.set('$skiptoken', String(end))
  return { status: 200, body: { value, nextLink: `${call.baseUrl}${call.path}?${query}` } }
}
