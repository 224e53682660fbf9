// The operators of one life, of which one leads at a time.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Decided } from '../../operator/gpuvm/controller.ts'
import { read } from '../../operator/recorder/record.ts'
import type { Operator, OperatorOptions } from '../operator/support/operator.ts'
import { type Scene, SPEED } from '../operator/support/world.ts'

export interface Troupe {
  begin(): void
  /** Another comes in place of the one that leads, which ends well. */
  replace(): Promise<void>
  /** Another comes that is cut off after so many more calls that change Azure, and then yet another. */
  doom(afterWrites: number): Promise<void>
  /** Of all of them, on the machine of this name. */
  decisions(name: string): Decided[]
  /** Whatever all of them have asked of Azure, lists too. */
  asked(): string[]
  /** The one that leads has nothing under way, and nothing that is to be looked at now. */
  isIdle(): Promise<boolean>
  /** Whatever all of them have written to Kubernetes. */
  writes(): string[]
}

/** As often as in earnest: a sweep lists what stands of all lives, and each life has a sweeper. */
const SWEEP_SECONDS = 120 / SPEED
/** A list shows the machines of all lives, and each life has one who lists: together they keep within what one may ask. */
const FLEET_POLL_SECONDS = 20
/** Of the work queues. */
const IDLE_AT_ZERO = ['workqueue_depth', 'controller_runtime_active_workers']

export function troupe(scene: Scene, options: Partial<OperatorOptions>): Troupe {
  const operators: Operator[] = []
  const operate = (more: Partial<OperatorOptions> = {}): Operator => {
    const operator = scene.operate({
      sweep: true,
      sweepSeconds: SWEEP_SECONDS,
      fleetPollSeconds: FLEET_POLL_SECONDS,
      ...options,
      ...more,
    })
    operators.push(operator)
    return operator
  }

  /** In their place one comes by command: were one to come for their death as well, two would be at work at once. */
  const retired = new Set<Operator>()

  /** Who comes in place of one that died meanwhile is stopped too. */
  async function stopLast(): Promise<void> {
    for (let last = operators.at(-1); last !== undefined && !retired.has(last); last = operators.at(-1)) {
      retired.add(last)
      await last.stop()
    }
  }

  return {
    begin: () => void operate(),
    async replace() {
      await stopLast()
      operate()
    },
    async doom(after) {
      await stopLast()
      const doomed = operate({ cut: { after, counting: 'changes' } })
      void doomed.died.then(async () => {
        await doomed.stop()
        if (!retired.has(doomed)) operate()
      })
    },
    asked: () => operators.flatMap(({ asked }) => asked),
    async isIdle() {
      const { registry } = operators.at(-1) ?? {}
      await nextTurn() // Between two turns of the loop no key is on its way from a worker to the queue.
      const figures = await Promise.all(IDLE_AT_ZERO.map(name => registry?.getSingleMetric(name)?.get()))
      return figures.every(figure => figure?.values.every(({ value }) => value === 0))
    },
    writes: () => operators.flatMap(({ writes }) => writes),
    decisions: name => operators.flatMap(({ recorded }) => recorded.of({ namespace: scene.namespace, name }).map(read)),
  }
}
