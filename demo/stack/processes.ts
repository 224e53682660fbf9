// Child processes that never outlive us. Each has a process group and a log of its own; the keeper (keeper.ts) ends
// the groups if we go without doing so ourselves, even by SIGKILL.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../lib/process/clock.ts'

/** Seconds between the asking signal and SIGKILL. */
const GRACE_SECONDS = 15
const LOOK_MILLISECONDS = 25

export interface Command {
  /** For messages: `etcd`, `operator-0`. */
  name: string
  file: string
  args: string[]
  /** The whole environment; without one the program gets ours. */
  env?: Record<string, string>
  cwd?: string
  /** Where standard output and error go, appended. */
  log: string
  /** Asks the program to end in order; SIGTERM unless said otherwise. */
  stopSignal?: NodeJS.Signals
  /** How long it may take before SIGKILL; 15. */
  graceSeconds?: number
}

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Child {
  readonly name: string
  readonly pid: number
  readonly log: string
  /** Resolves when it has ended, with how. Never rejects. */
  readonly ended: Promise<Ending>
  isRunning(): boolean
  /** To the program alone; nothing when it has ended. */
  kill(signal: NodeJS.Signals): void
  /** The stop signal, then SIGKILL after a grace. Resolves when it has ended. */
  stop(): Promise<void>
  /** The last lines of its log, for an error message. */
  lastWords(lines?: number): Promise<string>
}

/** A program could not be started, or ended when it was to stay. The message holds its last words. */
export class ProcessError extends Error {
  readonly code = 'ProcessFailed'
}

/** Starts a program. `onLine` gets each line of its standard output. Throws `ProcessError` when it cannot be started. */
export async function start(command: Command, onLine?: (line: string) => void): Promise<Child> {
  const { name, file, args, env, cwd, log, stopSignal = 'SIGTERM', graceSeconds = GRACE_SECONDS } = command
  const keeper = theKeeper()
  mkdirSync(dirname(log), { recursive: true })
  const logFile = openSync(log, 'a')
  const child = spawn(file, args, {
    stdio: ['ignore', onLine ? 'pipe' : logFile, logFile],
    detached: true, // A group of its own. Ctrl-C reaches us alone, so that we end things in their order.
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
  })
  let ending: Ending | undefined
  const ended = new Promise<Ending>(resolve => {
    child.once('exit', (code, signal) => {
      ending = { code, signal }
      resolve(ending)
    })
  })
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0))
    child.once('error', error => reject(new ProcessError(`${name} cannot be started: ${error.message}`)))
  })
  keeper.add(pid, stopSignal)
  if (onLine) eachLine(child, { onLine, logFile })
  else closeSync(logFile)
  void ended.then(() => {
    signalGroup(pid, 'SIGKILL') // Whatever it left behind.
    keeper.remove(pid)
  })

  const kill = (signal: NodeJS.Signals) => {
    if (!ending) child.kill(signal)
  }
  return {
    name,
    pid,
    log,
    ended,
    isRunning: () => ending === undefined,
    kill,
    async stop() {
      kill(stopSignal)
      const insist = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceSeconds * 1000)
      await ended
      clearTimeout(insist)
    },
    lastWords: async (lines = 12) => {
      const text = await readFile(log, 'utf8').catch(() => '')
      return text.trimEnd().split('\n').slice(-lines).join('\n')
    },
  }
}

/** Runs a program to its end. Throws `ProcessError` with its last words unless it returns 0. */
export async function runToEnd(command: Command, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const child = await start(command)
  const abort = () => void child.stop()
  signal?.addEventListener('abort', abort, { once: true })
  const ending = await child.ended
  signal?.removeEventListener('abort', abort)
  signal?.throwIfAborted()
  if (ending.code !== 0) throw new ProcessError(`${child.name} failed (${tell(ending)}).\n${await child.lastWords()}`)
}

/**
 * Asks `isReady` until it says yes; an error of it means no. Throws `ProcessError` with the program's last words as
 * soon as it has ended, or after `seconds`.
 */
export async function untilReady(options: {
  child: Child
  isReady: () => Promise<boolean>
  seconds: number
  clock?: Clock
}): Promise<void> {
  const { child, isReady, seconds, clock = systemClock } = options
  const deadline = clock.monotonic() + seconds * 1000
  for (;;) {
    if (await isReady().catch(() => false)) return
    if (!child.isRunning()) {
      const how = tell(await child.ended)
      throw new ProcessError(`${child.name} ended while it was to start (${how}).\n${await child.lastWords()}`)
    }
    if (clock.monotonic() > deadline) {
      throw new ProcessError(`${child.name} was not ready after ${seconds} s.\n${await child.lastWords()}`)
    }
    await clock.sleep(LOOK_MILLISECONDS)
  }
}

export function tell({ code, signal }: Ending): string {
  return signal === null ? `exit code ${code}` : signal
}

function eachLine(child: ChildProcess, { onLine, logFile }: { onLine: (line: string) => void; logFile: number }): void {
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    writeSync(logFile, chunk)
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  child.once('close', () => closeSync(logFile))
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error // It has just ended.
  }
}

interface Keeper {
  add(pid: number, signal: NodeJS.Signals): void
  remove(pid: number): void
}

let keeper: Keeper | undefined

/** One for this whole process; it comes with the first child and goes when we go. */
function theKeeper(): Keeper {
  if (keeper) return keeper
  const script = fileURLToPath(new URL('./keeper.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.unref()
  const pipe = child.stdin
  pipe.on('error', () => undefined) // Killed by somebody: then our own good end has to do.
  if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
  keeper = {
    add: (pid, signal) => void pipe.write(`+ ${pid} ${signal}\n`),
    remove: pid => void pipe.write(`- ${pid}\n`),
  }
  return keeper
}
