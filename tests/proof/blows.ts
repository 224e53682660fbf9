// The points of an evening at which a program is killed, or hangs. Each waits until the very state is there; where that would pass
// too soon it is held, by Azure answering late or by a locked row.
import { expect } from 'vitest'
import type { Blow, Evening } from './evening.ts'

export interface Point extends Blow {
  /** What has just happened when it strikes. */
  name: string
}

/** Azure's seconds by which an answer is held back: the operator dies, or hangs, before it hears it. */
const HELD_BACK_SECONDS = 120

export const operatorDies: Point[] = [
  {
    name: 'when its GpuVm was just made',
    at: 'Start',
    async fall(evening, act) {
      await act()
      await evening.theatre.until('a GpuVm', evening.machine)
      await killLeader(evening)
    },
  },
  {
    name: 'when Azure has accepted the VM, and is still making it',
    at: 'Start',
    async fall(evening, act) {
      await holdsBack(evening, 'PUT virtualMachines')
      await act()
      await evening.theatre.until('a VM being made', async () => await hasMachineIn(evening, 'Creating'))
      await killLeader(evening)
    },
  },
  {
    name: 'when the machine that is played on is given notice',
    at: 'Eviction',
    async fall(evening, act) {
      await act()
      expect(await hasMachineIn(evening, 'Succeeded')).toBe(true)
      await killLeader(evening)
    },
  },
  {
    name: 'when the next incarnation is on record, and the evicted VM still there',
    at: 'Eviction',
    async fall(evening, act) {
      await act()
      await evening.theatre.until('a raised incarnation', async () => {
        return (await evening.machine())?.status?.incarnation?.number === 2
      })
      expect((await evening.azure()).virtualMachines.map(({ name }) => name)).toEqual([expect.stringMatching(/-vm-1$/)])
      await killLeader(evening)
    },
  },
  {
    name: 'when the session ends, and Azure is deleting its VM',
    at: 'Stop',
    async fall(evening, act) {
      await act()
      await evening.theatre.until('a VM being deleted', async () => await hasMachineIn(evening, 'Deleting'))
      await killLeader(evening)
    },
  },
]

/** A new version is rolled out: SIGTERM, not SIGKILL. */
export const leaderIsReplaced: Blow = {
  at: 'Start',
  async fall(evening, act) {
    const { theatre } = evening
    await act()
    await theatre.until('a VM being made', async () => await hasMachineIn(evening, 'Creating'))
    const { pod } = await theatre.leader()
    await theatre.strike(pod, 'SIGTERM')
  },
}

/** The process is stopped for longer than its Lease, as by a host that swaps, and wakes up in the middle of what it was at. */
export const leaderHangs: Point[] = [
  {
    name: 'while Azure’s word that it makes the VM is on its way',
    at: 'Start',
    async fall(evening, act) {
      await holdsBack(evening, 'PUT virtualMachines')
      await act()
      await evening.theatre.until('a VM being made', async () => await hasMachineIn(evening, 'Creating'))
      await hangLeader(evening, async () => await hasMachineIn(evening, 'Succeeded'))
    },
  },
  {
    name: 'while it hears of the VM that it is to delete',
    at: 'Stop',
    async fall(evening, act) {
      await holdsBack(evening, 'GET virtualMachines')
      await act()
      await evening.theatre.until(
        'a machine that is to go',
        async () => (await evening.machine())?.metadata.deletionTimestamp,
      )
      await hangLeader(evening, async () => (await evening.azure()).virtualMachines.length === 0)
    },
  },
]

export const apiDies: Point[] = [
  {
    name: 'when Start was just pressed',
    at: 'Start',
    async fall(evening, act) {
      await act()
      await evening.theatre.until('a session in the books', evening.booked)
      await killApi(evening)
    },
  },
  {
    name: 'when the eviction has taken the machine away',
    at: 'Eviction',
    async fall(evening, act) {
      await act()
      await evening.theatre.until('a session that recovers', async () => {
        return (await evening.session())?.status?.phase === 'Recovering'
      })
      await killApi(evening)
    },
  },
  {
    name: 'when the session ends, in the midst of the final charge',
    at: 'Stop',
    async fall(evening, act) {
      const { theatre } = evening
      const wallet = await evening.account()
      // Whoever is to charge waits for the wallet, which we hold; the API dies while it waits.
      await theatre.sql.begin(async held => {
        await held`SELECT FROM wallet_balances WHERE account_id = ${wallet} FOR UPDATE`
        await act()
        await theatre.until('a final bill, and an API that waits to charge it', async () => {
          return (await evening.session())?.status?.billing?.final === true && (await isApiWaiting(evening))
        })
        expect(await evening.booked()).toMatchObject({ ended: false })
        await killApi(evening)
      })
    },
  },
]

async function holdsBack({ theatre }: Evening, kind: string): Promise<void> {
  await theatre.azure.post('/simulator/faults', { match: { kind }, outcome: { delaySeconds: HELD_BACK_SECONDS } })
}

async function killLeader({ theatre }: Evening): Promise<void> {
  const { pod } = await theatre.leader()
  await theatre.strike(pod)
}

/**
 * Until another has gone on so far. Azure is then not changed by the one that wakes up, whatever it was about to do; it ends,
 * and is started again.
 */
async function hangLeader({ theatre }: Evening, isFarOn: () => Promise<boolean>): Promise<void> {
  const { pod, identity } = await theatre.leader()
  const starts = pod.restarts()
  theatre.timeline.say('stack', `SIGSTOP for ${pod.name}`)
  pod.kill('SIGSTOP')
  await theatre.until('another leader', async () => (await theatre.leader()).identity !== identity)
  await theatre.until('what the other does', isFarOn)
  const { next } = await theatre.azure.get<{ next: number }>('/simulator/log')
  theatre.timeline.say('stack', `SIGCONT for ${pod.name}`)
  pod.kill('SIGCONT')
  await theatre.until(`the start anew of ${pod.name}`, async () => pod.restarts() > starts)
  const { entries } = await theatre.azure.get<{ entries: { kind: string }[] }>(`/simulator/log?since=${next}`)
  expect(entries.map(({ kind }) => kind).filter(kind => /^(PUT|POST|DELETE) virtualMachines/.test(kind))).toEqual([])
}

async function killApi({ theatre }: Evening): Promise<void> {
  const [pod] = theatre.stack.api
  if (!pod) throw new Error('The stack has no API.')
  await theatre.strike(pod)
}

async function hasMachineIn(evening: Evening, provisioningState: string): Promise<boolean> {
  const { virtualMachines } = await evening.azure()
  return virtualMachines.some(({ properties }) => properties?.provisioningState === provisioningState)
}

async function isApiWaiting({ theatre }: Evening): Promise<boolean> {
  const [row] = await theatre.sql<{ waiting: boolean }[]>`
    SELECT EXISTS (
      SELECT FROM pg_stat_activity WHERE application_name = 'wasd-api' AND wait_event_type = 'Lock'
    ) AS waiting`
  return row?.waiting === true
}
