// A simulator as a program, on a port of its own; and an endpoint for the webhooks that it sends.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { startProgram } from '../operator/support/processes.ts'

export const programOf = (name: string) =>
  fileURLToPath(new URL(`../../demo/simulators/${name}/main.ts`, import.meta.url))

/** Ready when it says so, by the line that `ready` is the shape of. */
export async function startSimulator<Ready extends z.ZodObject>(name: string, ready: Ready, options: string[]) {
  const program = await startProgram(programOf(name), ['--port', '0', ...options])
  return { ...ready.parse(program.ready), stop: program.stop }
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
