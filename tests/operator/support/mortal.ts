// The two ways out of a process, by which it can be killed: from the call on at which it is cut off, none of its calls get out.
import type { KubeClient } from '../../../lib/kube/client.ts'
import type { Urgency } from '../../../operator/azure/budget.ts'
import type { Azure } from '../../../operator/azure/provider.ts'

/** Calls that change Azure. */
const changes = /^(put|create|start|deallocate|delete)/
/** Pages of lists: these go on whatever happens, and are not counted. */
export const polls = ['fleet', 'tagged', 'annotations']

/** At which call a process ends. */
export interface Cut {
  /** Counted from 1. */
  after: number
  /**
   * `changes`: what changes Azure. `writes`: these, and every write to Kubernetes. `calls`: these, and every look at Azure,
   * but for one that was taken already since the last of these: how often an operator looks that waits is up to the clock.
   */
  counting: 'changes' | 'writes' | 'calls'
  /** Of these only what is asked of Azure in this region. */
  region?: string
  /** The reply is heard before the end; without it, the call has its effect and the reply is lost. */
  isReplyHeard?: boolean
}

class Dead extends Error {}

interface Call {
  name: string
  /** Of Azure: a change, or a look. A write is one to Kubernetes. */
  is: 'Change' | 'Look' | 'Write'
  /** Of a look: what it is at. */
  about?: string
}

const counted: Record<Cut['counting'], Call['is'][]> = {
  changes: ['Change'],
  writes: ['Change', 'Write'],
  calls: ['Change', 'Write', 'Look'],
}

interface Ways {
  azure: (urgency: Urgency) => Azure
  kube: KubeClient
}

export interface Mortal extends Ways {
  /** Whatever was asked of Azure, in order. */
  asked: string[]
  /** What was counted for the cut. */
  calls: string[]
  /** What was written to the API server, as far as that was taken: `update gpuvms/status solo`, in order. */
  writes: string[]
  /** Resolves when it was cut off, with the call that it was cut off at. */
  died: Promise<string>
}

/** Without a cut it lives for ever, and nothing is counted but its writes. */
export function mortal(ways: Ways, cut: Cut | undefined): Mortal {
  let isDead = false
  const { promise: died, resolve: die } = Promise.withResolvers<string>()
  const asked: string[] = []
  const writes: string[] = []
  const calls: string[] = []
  /** What was looked at since the last change or write. */
  const looked = new Set<string>()
  /** Of a call that got out: whether this process ends with it. */
  function cutAt({ name, is, about = name }: Call): boolean {
    if (isDead) return true
    if (cut === undefined || !counted[cut.counting].includes(is)) return false
    if (is !== 'Look') looked.clear()
    else if (looked.has(about)) return false
    else looked.add(about)
    calls.push(name)
    if (calls.length !== cut.after) return false
    isDead = true
    die(name)
    return true
  }
  async function unlessDead(call: () => Promise<unknown>, about: Call) {
    if (isDead) throw new Dead()
    try {
      const reply = await call()
      if (cutAt(about) && !cut?.isReplyHeard) throw new Dead()
      return reply
    } catch (error) {
      if (!(error instanceof Dead)) cutAt(about)
      throw error
    }
  }

  const known = new Map<Urgency, Azure>()
  const azure = (urgency: Urgency): Azure => {
    const made = known.get(urgency) ?? intercepted(ways.azure(urgency), throughAzure)
    known.set(urgency, made)
    return made
  }
  async function throughAzure(method: string, call: () => Promise<unknown>, [place, of]: unknown[]): Promise<unknown> {
    if (!isDead) asked.push(method)
    if (polls.includes(method)) return isDead ? Promise.reject(new Dead()) : await call()
    const isElsewhere = cut?.region !== undefined && textIn(place, 'region') !== cut.region
    const is = changes.test(method) && !isElsewhere ? 'Change' : 'Look'
    return await unlessDead(call, { name: method, is, about: `${method} ${typeof of === 'string' ? of : ''}` })
  }
  const kube = intercepted(ways.kube, async (method, call, given) => {
    const write = writeOf(method, given)
    if (write === undefined) return isDead ? Promise.reject(new Dead()) : await call()
    const name = write.split(' ').slice(0, 2).join(' ')
    // Counted before it is sent: who watches sees its effect before its reply is here.
    writes.push(write)
    try {
      return await unlessDead(call, { name, is: 'Write' })
    } catch (error) {
      writes.splice(writes.lastIndexOf(write), 1)
      throw error
    }
  })
  return { azure, kube, asked, calls, writes, died }
}

/** Every method of `target` by way of `around`. */
export function intercepted<Target extends Azure | KubeClient>(
  target: Target,
  around: (method: string, call: () => Promise<unknown>, given: unknown[]) => Promise<unknown>,
): Target {
  return new Proxy(target, {
    get(_target, method) {
      const found: unknown = Reflect.get(target, method, target)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        const call = () => found.apply(target, given)
        return method === 'watch' ? call() : around(String(method), call, given)
      }
    },
  })
}

const verbs: Record<string, string> = {
  create: 'create',
  replace: 'update',
  replaceStatus: 'update',
  mergePatch: 'patch',
  apply: 'patch',
  delete: 'delete',
}

/** In the words of the audit log; events are told by nobody's count. */
function writeOf(method: string, [resource, about]: unknown[]): string | undefined {
  const verb = verbs[method]
  const plural = textIn(resource, 'plural')
  if (verb === undefined || plural === 'events') return undefined
  const metadata: unknown = typeof about === 'object' && about !== null ? Reflect.get(about, 'metadata') : undefined
  const name = textIn(metadata, 'name') || textIn(about, 'name')
  return `${verb} ${plural}${method === 'replaceStatus' ? '/status' : ''} ${name}`
}

function textIn(object: unknown, key: string): string {
  const found: unknown = typeof object === 'object' && object !== null ? Reflect.get(object, key) : undefined
  return typeof found === 'string' ? found : ''
}
