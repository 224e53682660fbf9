// Runs kubectl and helm as a person would, and gives back what they print.
import { spawn } from 'node:child_process'

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

const MAXIMUM_SECONDS = 120

/** Never rejects on a non-zero code; rejects when the program cannot be started or does not end in two minutes. */
export async function command(options: {
  file: string
  args: string[]
  input?: string | undefined
  environment: Record<string, string | undefined>
}): Promise<CommandResult> {
  const { file, args, input, environment } = options
  const child = spawn(file, args, { env: environment, timeout: MAXIMUM_SECONDS * 1000, killSignal: 'SIGKILL' })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdin.on('error', () => undefined) // It may end without reading.
  child.stdin.end(input ?? '')
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === null) reject(new Error(`${file} ${args.join(' ')} was ended by ${signal}.\n${stderr}`))
      else resolve({ code, stdout, stderr })
    })
  })
}

/** Throws with what it printed unless it returns 0. */
export async function succeed(result: Promise<CommandResult>, what: string): Promise<string> {
  const { code, stdout, stderr } = await result
  if (code !== 0) throw new Error(`${what} failed:\n${stderr.trim() || stdout.trim()}`)
  return stdout
}
