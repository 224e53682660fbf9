// A simulator as a program, on a port of its own; and an endpoint for the webhooks that it sends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'

export const programOf = (name: string) =>
  fileURLToPath(new URL(`../../demo/simulators/${name}/main.ts`, import.meta.url))

/** Ready when it says so, by the line that `ready` is the shape of. */
export async function startSimulator<Ready extends z.ZodObject>(name: string, ready: Ready, options: string[]) {
  const child = spawn(process.execPath, [programOf(name), '--port', '0', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const line = await Promise.race([
    new Promise<string>(resolve => createInterface(child.stdout).once('line', resolve)),
    ended.then(code => Promise.reject(new Error(`The simulator ended with ${code} before it was ready.`))),
  ])
  return {
    ...ready.parse(JSON.parse(line)),
    /** Its exit code. */
    async stop(): Promise<number | null> {
      child.kill('SIGTERM')
      return await ended
    },
  }
}

export interface Delivery {
  raw: string
  headers: IncomingHttpHeaders
}

/** `answer`: the status of each delivery, of which all so far are given; without one, none comes. */
export async function startEndpoint<Received>(
  read: (delivery: Delivery) => Received,
  answer: (received: readonly Received[]) => number | undefined,
) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    received.push(read({ raw: Buffer.concat(chunks).toString(), headers: request.headers }))
    const status = answer(received)
    if (status !== undefined) response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { url: `http://127.0.0.1:${port}/webhook`, received, close: () => server.close() }
}
