// Programs that are measured from outside, and how: memory and processor time as the kernel has them.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

const REPOSITORY = resolve(import.meta.dirname, '../..')
/** Of the kernel's clock, a second: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICKS = 100

export interface Measured {
  /** Resident memory now, in MiB. */
  residentMiB(): number
  /** Processor time so far, in seconds. */
  processorSeconds(): number
  /** The next line of its standard output. Rejects when it ends without one. */
  line(): Promise<string>
  /** A line on its standard input. */
  say(line: string): void
  signal(name: NodeJS.Signals): void
  /** By SIGTERM; resolves when it has ended. */
  stop(): Promise<void>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** A TypeScript program of this repository, under the Node that runs us. What it says on standard error is ours. */
export function startMeasured(file: string, environment: Record<string, string>, args: string[] = []): Measured {
  return startCommand([process.execPath, ...args, file], environment)
}

/** Any program; one that replaces itself by another, as taskset does, is measured as that. */
export function startCommand([file = '', ...args]: readonly string[], environment: Record<string, string>): Measured {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...environment }
  const child = spawn(file, args, { cwd: REPOSITORY, env, stdio: ['pipe', 'pipe', 'inherit'] })
  alive.add(child)
  const lines: string[] = []
  let isStopping = false
  const ended = new Promise<void>(done =>
    child.once('exit', () => {
      alive.delete(child)
      if (!isStopping && child.exitCode !== 0)
        console.error(`${[file, ...args].join(' ')} ended:\n${lines.slice(-20).join('\n')}`)
      done()
    }),
  )
  let wake = () => {}
  createInterface(child.stdout).on('line', line => {
    lines.push(line)
    if (lines.length > 1000) lines.shift()
    wake()
  })
  const kernel = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, 'utf8')
  return {
    residentMiB: () => Number(/VmRSS:\s+(\d+)/.exec(kernel('status'))?.[1]) / 1024,
    processorSeconds() {
      const [user = 0, system = 0] = kernel('stat').split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? []
      return (user + system) / TICKS
    },
    async line() {
      while (lines.length === 0) {
        const next = new Promise<void>(resolveNext => {
          wake = resolveNext
        })
        const end = ended.then(() => Promise.reject(new Error(`${file} ended:\n${lines.join('\n')}`)))
        await Promise.race([next, end])
      }
      return lines.shift() ?? ''
    },
    say: line => void child.stdin.write(`${line}\n`),
    signal: name => child.kill(name),
    async stop() {
      isStopping = true
      child.kill('SIGTERM')
      await ended
    },
  }
}
