// The whole path with both programs as the chart's service accounts: what the audit log must have seen, and what an SRE
// reads of it afterwards.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { GUEST_KEYS_CONFIG_MAP_KEY, GUEST_TOKEN_SECRET_KEY } from '../../crds/guest.ts'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { Pod } from '../../demo/stack/pod.ts'
import { configMaps, secrets } from '../../lib/kube/core.ts'
import { ask } from '../api/client-of.ts'
import { guestSigner } from '../api/guest-signer.ts'
import { ownersOf } from '../owners.ts'
import type { Theatre } from './theatre.ts'

const lease = z.looseObject({ spec: z.looseObject({ holderIdentity: z.string() }) })

export function eveningIsPlayed(theatre: () => Theatre): void {
  /** The replica that leads. */
  async function leader(): Promise<Pod> {
    const { stage } = theatre()
    const { spec } = lease.parse(JSON.parse(await stage.kubectl(['get', 'lease', 'wasd-operator', '-o', 'json'])))
    const pod = stage.stack.operator.find(({ name }) => spec.holderIdentity.startsWith(`${name}_`))
    if (!pod) throw new Error(`None of the replicas is ${spec.holderIdentity}.`)
    return pod
  }

  /** As the agent on the machine would: a report with its first token, and one for which it is handed the next. */
  async function reportsItself(uid: string): Promise<void> {
    const { stage } = theatre()
    const { kube, stack } = stage
    const { namespace, urls } = stack
    const guests = await guestSigner(stack.folder)
    const keys = { [GUEST_KEYS_CONFIG_MAP_KEY]: await readFile(guests.file, 'utf8') }
    const named = { namespace, name: 'wasd-guest-keys' }
    await kube.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: named, data: keys })

    const machine = (await kube.list(gpuVms, { namespace })).items.find(({ metadata }) => metadata.uid === uid)
    if (!machine?.status?.incarnation) throw new Error(`No machine of the UID ${uid} has an incarnation.`)
    const { name } = machine.metadata
    const token = await guests.sign({ uid, name, namespace })
    const body = { incarnation: machine.status.incarnation.number, connected: true }
    const report = async () => (await ask(urls.api, '/v1/guest/report', { method: 'POST', body, token })).json
    const first = await stage.until('the API has the keys and takes the report', async () => {
      const reply = await report()
      return reply.code !== 'GuestTokenInvalid' && reply
    })
    expect(first).toMatchObject({ outcome: 'Written' })
    expect((await kube.get(gpuVms, { namespace, name }))?.status?.guest).toMatchObject(body)

    const next = await guests.sign({ uid, name, namespace, seconds: 1200 })
    await kube.mergePatch(secrets, { namespace, name }, { stringData: { [GUEST_TOKEN_SECRET_KEY]: next } })
    expect(await report()).toMatchObject({ outcome: 'Unchanged', token: next })
  }

  test('an evening over an eviction, a pause, a resumption and a dead leader reads as a story', {
    timeout: 120_000,
  }, async () => {
    const { stage } = theatre()
    const { kubectl } = stage
    const asha = await stage.player('Asha')
    await asha.writes('/start', /Hi Asha/)
    await asha.topsUpOnTheWeb('₹500')
    const evening = await asha.plays('Hollow Harbour', 'Standard')
    await evening.until('Running')
    await stage.isTold(evening.name, 'Playable') // The longest names there are, and the longest game.

    for (const kind of ['gs', 'gvm']) {
      const lines = (await kubectl(['get', kind])).trimEnd().split('\n')
      expect(lines.filter(line => line.startsWith(evening.name))).toHaveLength(1)
      expect(Math.max(...lines.map(line => line.trimEnd().length))).toBeLessThanOrEqual(125)
    }
    await reportsItself(evening.machine)

    await stage.azure.evict(evening.vm)
    await evening.until('Recovering')
    await evening.until('Running')

    const killed = await leader()
    killed.kill('SIGKILL')
    await stage.until('the standby leads', async () => (await leader()).name !== killed.name)

    await evening.wants('Paused')
    await evening.until('Paused')
    await evening.wants('Running')
    await evening.until('Running')
    await asha.stops()
    await evening.ends()
    const named = { namespace: stage.stack.namespace, name: evening.name }
    // What the SRE said is the SRE's still: the end was said beside it, and the server was asked to force nothing.
    const session = await stage.kube.get(gameSessions, named)
    expect(session?.spec.desiredState).toBe('Running')
    expect(ownersOf(session, 'desiredState')).toEqual(['kubectl-patch'])
    const asked = (await readFile(stage.stack.cluster.auditLog, 'utf8')).match(
      /gamesessions\/[^"]*fieldManager=wasd-api-desired-state[^"]*/g,
    )
    expect(asked).toContainEqual(expect.stringContaining(`/${evening.name}?`))
    expect(asked?.filter(call => call.includes('force'))).toEqual([])

    const story = [
      'Placed',
      'Playable',
      'Evicted',
      'Recovered',
      'Pausing',
      'Paused',
      'Resuming',
      'Resumed',
      'Ending',
      'Ended',
    ]
    await stage.isTold(evening.name, 'Ended')
    const described = await kubectl(['describe', 'gs', evening.name])
    const [, events = ''] = described.split('\nEvents:')
    const told = [...events.matchAll(/^ {2}(?:Normal|Warning) +(\w+) +\S+(?: \(x.*\))? +wasd.cloud\/operator +(.+)$/gm)]
    expect(told.map(([, reason]) => reason)).toEqual(story)
    expect(told.map(([, , note]) => note)).toEqual([
      expect.stringMatching(
        /^Standard_\w+ spot in centralindia at 0\.\d+ USD per hour .*is asked for\. Next would be /,
      ),
      expect.stringMatching(/^The game can be played at \S+; billing begins\.$/),
      'Azure took the spot machine back. Billing stopped at the last moment of play; the session recovers.',
      expect.stringMatching(/^The game can be played again at \S+ after \d+ s, on an on-demand machine\.$/),
      'The session was told to pause; its machine is stopped, its disks are kept.',
      'The machine is deallocated; its disks and address are kept.',
      'The session was told to run; its machine is started.',
      expect.stringMatching(/^The game can be played at \S+\.$/),
      expect.stringMatching(
        /^The session ends \(PlayerEnded\) after \d+ s of play; what it has in Azure is given back\.$/,
      ),
      expect.stringMatching(
        /^The session has ended \(PlayerEnded\) after \d+ s of play; Azure holds nothing of it any more\.$/,
      ),
    ])
    expect(described).toMatch(
      /Message: +The session was told to end\. Azure holds nothing of it any more\.\n.*\n +Reason: +Ended\n +Status: +True\n +Type: +Ready/,
    )
  })

  test('a session that may go when it is over is deleted by the operator', async () => {
    const { stage } = theatre()
    const evening = await stage.applied('short', { desiredState: 'Ended', ttlSecondsAfterFinished: 0 })
    await stage.kubectl(['wait', 'gs', evening.name, '--for=delete', '--timeout=30s'])
  })
}
