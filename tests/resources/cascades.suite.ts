// What the cluster's own controllers do to the resources: cascades, the end of a namespace, a quota. Whatever way they
// take, Azure holds nothing in the end and nothing hangs.
import { describe, expect, test } from 'vitest'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { objectOf } from '../evening/deeds.ts'
import type { Theatre } from './theatre.ts'

const PATIENCE = '--timeout=60s'
const bare = { region: 'westeurope', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia' }

export function cascadesRunToTheirEnd(theatre: () => Theatre): void {
  /** A namespace of its own with what is applied in it; all of it is playable. */
  async function playing(namespace: string, objects: object[]) {
    const { stage } = theatre()
    const kubectl = async (args: string[], input?: object) => await stage.kubectl(['-n', namespace, ...args], input)
    await stage.stack.cluster.createNamespace(namespace)
    await kubectl(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: objects })
    await kubectl(['wait', 'gs,gvm', '--all', '--for=condition=Playable', PATIENCE])
    const { items } = await stage.kube.list(gpuVms, { namespace })
    const uids = items.flatMap(({ metadata }) => metadata.uid ?? [])
    const inAzure = async () => (await Promise.all(uids.map(uid => stage.azure.holds(uid)))).flat()
    expect(await inAzure()).not.toEqual([])
    return { kubectl, inAzure, machines: uids.length }
  }
  const session = (player: string) => ({ player, game: 'neon-rally', tier: 'standard', regions: ['centralindia'] })

  describe.each(['background', 'foreground', 'orphan'])('a session deleted with --cascade=%s', cascade => {
    test('I2, I3: takes its machine along, and is gone when Azure holds nothing of it', {
      timeout: 90_000,
    }, async () => {
      const namespace = `cascade-${cascade}`
      const { kubectl, inAzure } = await playing(namespace, [objectOf('GameSession', 'evening', session(namespace))])
      await kubectl(['delete', 'gs', 'evening', `--cascade=${cascade}`, PATIENCE])
      expect(await inAzure()).toEqual([])
      expect(await kubectl(['get', 'gs,gvm,secrets'])).toBe('')
    })
  })

  test('I2: a namespace goes with its sessions and machines, and Azure holds nothing of them', {
    timeout: 120_000,
  }, async () => {
    const { stage } = theatre()
    const { inAzure, machines } = await playing('doomed', [
      objectOf('GameSession', 'evening', session('doomed')),
      objectOf('GpuVm', 'bare', bare),
    ])
    expect(machines).toBe(2)
    await stage.kubectl(['delete', 'namespace', 'doomed', PATIENCE])
    expect(await inAzure()).toEqual([])
  })

  test('a quota that admits no further machine is waited for, with words, and then the session is played', {
    timeout: 120_000,
  }, async () => {
    const { stage } = theatre()
    const namespace = 'narrow'
    const kubectl = async (args: string[], input?: object) => await stage.kubectl(['-n', namespace, ...args], input)
    await stage.stack.cluster.createNamespace(namespace)
    await kubectl(['create', 'quota', 'games', '--hard=count/gpuvms.wasd.cloud=1,count/gamesessions.wasd.cloud=2'])
    await kubectl(['wait', 'quota/games', '--for=jsonpath={.status.used}', PATIENCE])

    const apply = (name: string) => kubectl(['apply', '-f', '-'], objectOf('GameSession', name, session(name)))
    await apply('first')
    await kubectl(['wait', 'gs/first', '--for=condition=Ready', PATIENCE])
    await apply('second')
    await kubectl([
      'wait',
      'gs/second',
      '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=QuotaExceeded',
      PATIENCE,
    ])
    // kubectl may have seen it before the recording has.
    const waiting = await stage.until('it is recorded', async () =>
      theatre().recording.sessions.find(
        ({ metadata, status }) =>
          metadata.name === 'second' && condition(status?.conditions, 'Ready')?.reason === 'QuotaExceeded',
      ),
    )
    expect(waiting.status?.phase).toBe('Pending')
    expect(condition(waiting.status?.conditions, 'Stalled')).toBeUndefined()
    expect(condition(waiting.status?.conditions, 'Ready')?.message).toMatch(
      /^The quota of the namespace admits no further GpuVm: .* exceeded quota: games, requested: count\/gpuvms.wasd.cloud=1, .* The session waits, uncharged\.$/,
    )
    await stage.until('it is told', async () =>
      /Normal +QuotaExceeded /.test(await kubectl(['describe', 'gs', 'second'])),
    )
    await expect(apply('third')).rejects.toThrow(/exceeded quota: games, requested: count\/gamesessions.wasd.cloud=1/)

    const before = theatre().recording.sessions.length
    await kubectl(['patch', 'gs', 'first', '--type=merge', '--patch={"spec":{"desiredState":"Ended"}}'])
    await kubectl(['wait', 'gs/second', '--for=condition=Ready', PATIENCE])
    const ways = theatre()
      .recording.sessions.slice(before)
      .filter(({ metadata }) => metadata.name === 'second')
    expect(ways.map(({ status }) => status?.phase)).not.toContain('Failed')
    await kubectl(['delete', 'gs', '--all', PATIENCE])
  })
}
