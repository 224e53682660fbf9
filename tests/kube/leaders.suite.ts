// Leaders that are not alone: races, and one that sleeps past its lease and wakes up in the middle of a write.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { KubeClient } from '../../lib/kube/client.ts'
import { type Elector, elector } from '../../lib/kube/elector.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { fenced } from '../../lib/kube/fence.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, until, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'
import { witness } from './witness.ts'

const program = join(import.meta.dirname, 'contender.ts')

interface Contender {
  process: ChildProcess
  /** What it has said so far. */
  words: string[]
}

export function leadersKeepApart(server: () => ApiServer): void {
  const contender = async (options: { name: string; namespace: string; port?: number }): Promise<Contender> => {
    const { token } = server()
    const child = spawn(process.execPath, [program], {
      env: {
        PATH: process.env.PATH,
        CONTENDER: options.name,
        NAMESPACE: options.namespace,
        KUBECONFIG: await server().kubeconfig({ token }, options.port),
        LEASE_KUBECONFIG: await server().kubeconfig({ token }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const words: string[] = []
    createInterface(child.stdout).on('line', word => words.push(word))
    return { process: child, words }
  }

  describe('leaders', () => {
    test('five that race for one lease, over and over: one at a time, and each time somebody', async () => {
      const seen = await witness(server())
      const { namespace } = seen
      await seen.create('term', { size: 0 })
      await seen.start()
      const terms: string[] = []
      const crowded: string[] = []
      let written = 0
      /** Whether this leader has counted its term in the object that all of them write. */
      const counted = async (client: KubeClient, leader: Elector): Promise<boolean> => {
        const found = await client.get(widgets, { namespace, name: 'term' })
        if (found === undefined) throw new Error('The object is gone.')
        const spec = { size: (found.spec?.size ?? 0) + 1 }
        const write = fenced(client, leader.holds).replace(widgets, { ...found, spec })
        return await write.then(
          () => true,
          error => (isKubeError(error, 'NotLeading') ? false : Promise.reject(error)),
        )
      }
      const candidates = ['a', 'b', 'c', 'd', 'e'].map(identity => {
        const lease = { namespace, name: 'raced' }
        const times = { leaseSeconds: 2, renewDeadlineSeconds: 1.2, retrySeconds: 0.05 }
        const client = clientOf(server().credentials())
        const running = elector({ runtime: makeRuntime(), client, lease, identity, ...times })
        return { identity, running, client }
      })
      const stop = new AbortController()
      const races = candidates.map(async ({ identity, running, client }) => {
        while (!stop.signal.aborted) {
          const onStartedLeading = async () => {
            // Who slept past the lease holds it no more; two never do, from the start of a term to its end.
            const isCrowded = () => candidates.filter(each => each.running.holds()).length > 1
            if (isCrowded()) crowded.push(identity)
            if (await counted(client, running)) written += 1
            if (isCrowded()) crowded.push(identity)
            terms.push(identity)
            if (terms.length >= 15) stop.abort()
          }
          await running.run({ signal: stop.signal, onStartedLeading })
        }
      })
      await Promise.all(races)
      expect(terms.length).toBeGreaterThanOrEqual(15)
      expect(crowded).toEqual([])
      await Promise.all(candidates.map(({ client }) => client.close()))
      await seen.equal()
      const counts = seen.changes.map(({ object }) => object.spec?.size)
      expect(counts).toEqual(Array.from({ length: written + 1 }, (_, count) => count)) // None was written over.
      await seen.leavesNothing()
    })

    test('a leader stopped past its lease in the middle of a write: that write changes nothing, and it writes no more', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const seen = await witness(server())
      const { namespace } = seen
      await seen.create('contested')
      await seen.start()
      const writerNow = () => seen.get('contested')?.status?.phase

      const first = await contender({ name: 'first', namespace, port: proxy.port })
      await until(() => writerNow() === 'first')
      const second = await contender({ name: 'second', namespace })
      proxy.become('Held')
      await until(() => proxy.held() > 0) // Its next write has left it, and is on its way.
      first.process.kill('SIGSTOP')

      await until(() => writerNow() === 'second')
      const since = seen.changes.length
      const ended = once(first.process, 'exit')
      proxy.become('Open')
      await until(() => proxy.held() === 0) // What was on its way has reached the server.
      first.process.kill('SIGCONT')
      expect(await ended).toEqual([0, null])

      const afterwards = first.words.slice(first.words.lastIndexOf('wrote') + 1)
      expect(afterwards[0]).toBe('Conflict') // The server's answer to what was on its way.
      expect(afterwards.at(-1)).toBe('Lost')
      expect(afterwards.slice(1, -1).every(word => word === 'NotLeading')).toBe(true)
      await until(() => seen.changes.length > since + 2)
      expect(seen.changes.slice(since).map(({ object }) => object.status?.phase)).not.toContain('first')
      second.process.kill('SIGTERM')
      expect(await once(second.process, 'exit')).toEqual([0, null])
      expect(second.words).not.toContain('Conflict') // Nobody ever wrote between two writes of its own.
      await seen.equal()
      await seen.leavesNothing()
    })
  })
}
