// Starts a simulator as a process of its own and speaks to its control API.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'

const programs = fileURLToPath(new URL('../../demo/simulators/', import.meta.url))

export type Control = (method: string, path: string, body?: unknown) => Promise<unknown>

/** `ready` is the line that the simulator prints once it listens. */
export async function startSimulator<Ready extends z.ZodType<{ listening: string }>>(
  name: string,
  options: readonly string[],
  readySchema: Ready,
): Promise<{ ready: z.infer<Ready>; control: Control; stop: () => Promise<void> }> {
  const args = [`${programs}${name}/main.ts`, '--port', '0', ...options]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(child.stdout), 'line')
  const ready = readySchema.parse(JSON.parse(String(line)))
  return {
    ready,
    async control(method, path, body) {
      const reply = await fetch(`${ready.listening}/simulator${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const json: unknown = await reply.json()
      if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(json)}`)
      return json
    },
    stop: () => stop(child),
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
