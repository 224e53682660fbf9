// A person with a terminal. What kubectl prints is shown as it is.
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

export interface Sre {
  /** Runs kubectl and shows the command and what it printed. Throws when it fails. */
  shows(args: string[], options?: { lastLines?: number }): Promise<void>
  /** Applies an object that must be refused; tells the words, and whether anything was made of it all the same. */
  isRefused(
    comment: string,
    object: { metadata?: { name: string } } & object,
  ): Promise<{ said: string; changed: boolean }>
  theSession(): Promise<string>
  /** One field of a session by jsonpath; `undefined` when it is empty. */
  field(session: string, jsonpath: string): Promise<string | undefined>
  /** The name of the VM that runs now. */
  virtualMachine(): Promise<string>
  /** One sentence about what Azure holds. */
  azureHolds(): Promise<string>
}

export interface AzureState {
  virtualMachines: { id: string; name: string; tags?: Record<string, string> }[]
  networkInterfaces: { id: string; tags?: Record<string, string> }[]
  publicIPAddresses: { id: string; tags?: Record<string, string> }[]
  networkSecurityGroups: { id: string; tags?: Record<string, string> }[]
  disks: { id: string; tags?: Record<string, string> }[]
}

export function sre(options: {
  kubectl: (args: string[], input?: string) => Promise<CommandResult>
  azure: Control
  timeline: Timeline
  /** Where sessions live. */
  namespace: string
}): Sre {
  const { azure, timeline, namespace } = options
  const kubectl = async (args: string[], input?: string) =>
    await options.kubectl(['--namespace', namespace, ...args], input)

  async function printed(args: string[]): Promise<string> {
    const { code, stdout, stderr } = await kubectl(args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr.trim() || stdout.trim()}`)
    return stdout
  }

  return {
    async shows(args, { lastLines } = {}) {
      const command = `kubectl ${args.map(quoted).join(' ')}${lastLines === undefined ? '' : ` | tail -${lastLines}`}`
      timeline.say('sre', `$ ${command}`)
      const lines = (await timeline.waiting(command, printed(args))).trimEnd().split('\n')
      timeline.quote(lines.slice(lastLines === undefined ? 0 : -lastLines).join('\n'))
    },
    async isRefused(comment, object) {
      timeline.say('sre', `$ kubectl apply -f -   # ${comment}`)
      const { code, stderr } = await kubectl(['apply', '-f', '-'], JSON.stringify(object))
      timeline.quote(stderr.trim())
      const name = object.metadata?.name ?? ''
      const { stdout } = await kubectl(['get', 'gs', name, '--ignore-not-found', '-o', 'name'])
      return { said: stderr.trim(), changed: code === 0 || stdout.trim() !== '' }
    },
    async theSession() {
      return (await printed(['get', 'gs', '-o', 'jsonpath={.items[0].metadata.name}'])).trim()
    },
    async field(session, jsonpath) {
      return (await printed(['get', 'gs', session, '-o', `jsonpath=${jsonpath}`])).trim() || undefined
    },
    async virtualMachine() {
      const { virtualMachines } = await azure.get<AzureState>('/simulator/state')
      const [machine] = virtualMachines
      if (!machine) throw new Error('Azure runs no machine.')
      return machine.name
    },
    async azureHolds() {
      const state = await azure.get<AzureState>('/simulator/state')
      const lists = [
        state.virtualMachines,
        state.networkInterfaces,
        state.publicIPAddresses,
        state.networkSecurityGroups,
        state.disks,
      ]
      const ours = lists.flat().filter(({ tags }) => tags?.['wasd-installation'] !== undefined)
      return ours.length === 0
        ? 'Azure holds nothing of ours any more'
        : `Azure still holds ${ours.map(({ id }) => id).join(', ')}`
    },
  }
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(argument) ? argument : `'${argument}'`
}
