// The stage that all tests of the resources share: the whole stack with a standby operator, a recording of every version
// that is written, and kubectl watching as an SRE's second window does.
import { type ChildProcess, spawn } from 'node:child_process'
import { findTools } from '../../demo/cluster/tools.ts'
import { type Control, control } from '../../demo/evening/control.ts'
import { type Stage, startStage } from '../evening/stage.ts'
import { type Recording, record } from './recording.ts'

export interface Theatre {
  stage: Stage
  arm: Control
  recording: Recording
  /** What `kubectl get KIND --watch` has printed so far, a row for each change, without its headings. */
  rows(kind: 'gs' | 'gvm'): string[]
  stop(): Promise<void>
}

export async function openTheatre(): Promise<Theatre> {
  const stage = await startStage({ replicas: { operator: 2 }, leases: 'short' })
  const { stack, kube } = stage
  if (!stack.cluster.hasControllerManager) {
    await stage.stop()
    throw new Error(
      'These tests need a controller manager, which comes with servers built by Go: install Go 1.25 or newer.',
    )
  }
  const arm = control(stack.urls.azure, stack.simulators.azure.greeting.ca)
  const recording = await record(kube)
  const { kubectl } = await findTools()
  const watches = {
    gs: watching(kubectl, stack.cluster.kubeconfig, 'gs'),
    gvm: watching(kubectl, stack.cluster.kubeconfig, 'gvm'),
  }
  return {
    stage,
    arm,
    recording,
    rows: kind => watches[kind].rows(),
    async stop() {
      for (const { child } of Object.values(watches)) child.kill()
      await recording.stop()
      await arm.close()
      await stage.stop()
    },
  }
}

function watching(kubectl: string, kubeconfig: string, kind: string): { child: ChildProcess; rows(): string[] } {
  const child = spawn(kubectl, ['--kubeconfig', kubeconfig, '--namespace=wasd', 'get', kind, '--watch'])
  let printed = ''
  child.stdout.on('data', (text: Buffer) => {
    printed += text.toString()
  })
  return {
    child,
    rows: () => printed.split('\n').filter(line => line !== '' && !line.startsWith('NAME ')),
  }
}
