// A session, and the machine under it, as kubectl and Azure show them. What is read is kept: `host` and `vm` are those of
// the last look.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { Until } from '../until.ts'
import type { Azure } from './azure.ts'
import type { Stage } from './stage.ts'

interface Where {
  kube: KubeClient
  until: Until
  kubectl: Stage['kubectl']
  azure: Azure
  namespace: string
  name: string
}

export type Evening = Awaited<ReturnType<typeof eveningOf>>
export type Machine = Awaited<ReturnType<typeof machineOf>>
type SessionPhase = NonNullable<NonNullable<GameSession['status']>['phase']>

export async function eveningOf(where: Where) {
  const { kube, until, kubectl, azure, namespace, name } = where
  let seen: GameSession | undefined
  let machine: GpuVm | undefined

  async function look(): Promise<GameSession | undefined> {
    seen = await kube.get(gameSessions, { namespace, name })
    const vm = seen?.status?.vm?.name
    // The last machine is remembered when it is gone: one asks then whether Azure knows of that as well.
    if (vm !== undefined) machine = (await kube.get(gpuVms, { namespace, name: vm })) ?? machine
    return seen
  }
  const session = (): GameSession => {
    if (!seen) throw new Error(`There is no session ${name}.`)
    return seen
  }
  async function reaches(what: string, is: (session: GameSession) => boolean): Promise<GameSession> {
    return await until(`session ${name} ${what}`, async () => {
      const found = await look()
      return found && is(found) && found
    })
  }
  await look()

  return {
    name,
    reaches,
    session,
    until: async (phase: SessionPhase) =>
      await reaches(`is ${phase}`, ({ status, metadata }) => {
        // What was said of an older spec is no answer.
        return status?.phase === phase && status.observedGeneration === metadata.generation
      }),
    player: () => session().spec.player,
    get host(): string | undefined {
      return session().status?.endpoint?.host
    },
    /** The name of the VM in Azure. */
    get vm(): string {
      return lastSegment(machine?.status?.resources?.virtualMachine)
    },
    /** The machine's UID, which everything in Azure is tagged with. */
    get machine(): string {
      return machine?.metadata.uid ?? ''
    },
    get capacity(): string | undefined {
      return session().status?.placement?.capacityType
    },
    get billedSeconds(): number {
      return session().status?.billing?.seconds ?? 0
    },
    get ready() {
      return condition(session().status?.conditions, 'Ready')
    },
    get stalled() {
      return condition(session().status?.conditions, 'Stalled')
    },
    /** What Azure holds for it. */
    inAzure: async () => await azure.holds(machine?.metadata.uid ?? ''),
    /** An SRE changes what is wanted of it. */
    async wants(desiredState: 'Running' | 'Paused' | 'Ended') {
      await kubectl(['patch', 'gs', name, '--type=merge', `--patch={"spec":{"desiredState":"${desiredState}"}}`])
    },
    /** Everything that is settled about it but the money: ended, and gone from Azure. */
    async ends() {
      return await reaches('is Ended', ({ status }) => status?.phase === 'Ended')
    },
  }
}

export async function machineOf(where: Where) {
  const { kube, until, kubectl, azure, namespace, name } = where
  let seen = await kube.get(gpuVms, { namespace, name })
  const uid = seen?.metadata.uid ?? ''
  return {
    uid,
    get host(): string | undefined {
      return seen?.status?.publicIP
    },
    get vm(): string {
      return lastSegment(seen?.status?.resources?.virtualMachine)
    },
    async isPlayable() {
      await until(`machine ${name} is playable`, async () => {
        seen = await kube.get(gpuVms, { namespace, name })
        return condition(seen?.status?.conditions, 'Playable')?.status === 'True'
      })
    },
    inAzure: async () => await azure.holds(uid),
    async isDeleted() {
      await kubectl(['delete', 'gvm', name, '--wait=true', '--timeout=60s'])
    },
  }
}

function lastSegment(id: string | undefined): string {
  return id?.split('/').at(-1) ?? ''
}
