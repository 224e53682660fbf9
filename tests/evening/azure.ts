// Azure as these tests look at it: what stands there, what ran and when, and the weather.
import type { Control } from '../../demo/evening/control.ts'
import type { Until } from '../until.ts'

interface Resource {
  id: string
  name: string
  tags?: Record<string, string>
}

interface VirtualMachine extends Resource {
  properties: { priority?: string; storageProfile: { osDisk: { managedDisk?: { id: string } } } }
}

interface State {
  virtualMachines: VirtualMachine[]
  networkInterfaces: Resource[]
  publicIPAddresses: Resource[]
  networkSecurityGroups: Resource[]
  disks: (Resource & { properties: { uniqueId?: string } })[]
}

interface Life {
  time: string
  vmName: string
  state: 'running' | 'stopped'
  preemptAt?: string
  tags?: Record<string, string>
}

interface Calls {
  entries: { kind: string; status: number }[]
  next: number
}

/** Lists of the whole fleet in which nothing happens, until a time counts as quiet. */
const QUIET_LISTS = 24

export function azureOf({ control, until }: { control: Control; until: Until }) {
  const state = async () => await control.get<State>('/simulator/state')
  const isOf = (uid: string) => (resource: Resource) => resource.tags?.['wasd-uid'] === uid
  const all = ({ virtualMachines, networkInterfaces, publicIPAddresses, networkSecurityGroups, disks }: State) => [
    ...virtualMachines,
    ...networkInterfaces,
    ...publicIPAddresses,
    ...networkSecurityGroups,
    ...disks,
  ]

  return {
    /** Takes a spot machine back, after the notice that Azure gives. */
    async evict(vm: string): Promise<void> {
      await control.post('/simulator/evict', { vm })
    },
    /** Names of all that stands for the machine of this UID. */
    async holds(uid: string): Promise<string[]> {
      return all(await state())
        .filter(isOf(uid))
        .map(({ name }) => name)
    },
    /** How many resources carry our tag, whoever owns them. */
    async ours(): Promise<number> {
      return all(await state()).filter(({ tags }) => tags?.['wasd-installation'] !== undefined).length
    },
    /** The OS disk of a VM as Azure knows it: a disk made anew under the same name has another `uniqueId`. */
    async osDisk(vm: string): Promise<{ id: string; uniqueId: string | undefined }> {
      const { virtualMachines, disks } = await state()
      const id = virtualMachines.find(({ name }) => name === vm)?.properties.storageProfile.osDisk.managedDisk?.id
      const disk = disks.find(each => each.id.toLowerCase() === id?.toLowerCase())
      if (!disk) throw new Error(`Azure has no VM ${vm} with an OS disk.`)
      return { id: disk.id, uniqueId: disk.properties.uniqueId }
    },
    async capacityOf(vm: string): Promise<string | undefined> {
      return (await state()).virtualMachines.find(({ name }) => name === vm)?.properties.priority
    },
    /** Seconds in which Azure itself says that machines of this UID ran, until now. */
    async secondsRan(uid: string): Promise<number> {
      const { events } = await control.get<{ events: Life[] }>('/simulator/guests?since=0')
      let ran = 0
      let since: number | undefined
      for (const { time, state: next, tags, preemptAt } of events) {
        if (tags?.['wasd-uid'] !== uid || (next === 'running' && preemptAt !== undefined)) continue
        if (next === 'running') since ??= Date.parse(time)
        else if (since !== undefined) {
          ran += Date.parse(time) - since
          since = undefined
        }
      }
      return (ran + (since === undefined ? 0 : Date.now() - since)) / 1000
    },
    /** How many calls that change anything Azure was ever asked for. */
    async changes(): Promise<number> {
      const { counts } = await control.get<{ counts: Record<string, number> }>('/simulator/log?since=0')
      const changing = Object.entries(counts).filter(([kind]) => !/^(GET|LIST) /.test(kind))
      return changing.reduce((sum, [, count]) => sum + count, 0)
    },
    /** Resolves when the operator has looked at its whole fleet several times more; the time in between, RFC 3339. */
    async quietTime(): Promise<{ from: string; to: string }> {
      const from = new Date().toISOString()
      let { next: since } = await control.get<Calls>('/simulator/log?since=0')
      let lists = 0
      await until(`the fleet is listed ${QUIET_LISTS} times`, async () => {
        const { entries, next } = await control.get<Calls>(`/simulator/log?since=${since}`)
        since = next
        lists += entries.filter(({ kind }) => kind === 'LIST virtualMachines').length
        return lists >= QUIET_LISTS
      })
      return { from, to: new Date().toISOString() }
    },
    /** The stream server's identity, as Moonlight reads it at the player's address: it lives on the OS disk. */
    async streamIdentity(host: string): Promise<string> {
      const reply = await fetch(`http://${host}:47989/serverinfo`)
      const identity = /<uniqueid>([^<]+)<\/uniqueid>/.exec(await reply.text())?.[1]
      if (identity === undefined) throw new Error(`The stream server at ${host} tells no uniqueid.`)
      return identity
    },
  }
}

export type Azure = ReturnType<typeof azureOf>
