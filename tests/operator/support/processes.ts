// Starts a program that says in one line of JSON when it is ready, and ends it with the test.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Program {
  /** What it said when it was ready. */
  ready: unknown
  /** The end of what it said on standard error. */
  complaints(): string
  /** Its exit code. */
  stop(): Promise<number | null>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export async function startProgram(file: string, args: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  alive.add(child)
  let words = ''
  child.stderr.on('data', (text: Buffer) => {
    words = (words + text.toString()).slice(-4000)
  })
  const ended = new Promise<number | null>(resolve =>
    child.once('exit', code => {
      alive.delete(child)
      resolve(code)
    }),
  )
  const line = await Promise.race([
    new Promise<string>(resolve => createInterface(child.stdout).once('line', resolve)),
    ended.then(() => Promise.reject(new Error(`${file} ended before it was ready:\n${words}`))),
  ])
  return {
    ready: JSON.parse(line),
    complaints: () => words,
    async stop() {
      child.kill('SIGTERM')
      return await ended
    },
  }
}
