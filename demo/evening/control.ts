// Speaks to the simulators' control APIs: what a gamer's thumb, a card holder or Azure's weather would do.
import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher, request } from 'undici'

export interface Control {
  get<Reply>(path: string): Promise<Reply>
  post<Reply>(path: string, body?: object): Promise<Reply>
  close(): Promise<void>
}

/** Throws with the simulator's own words when it refuses. `ca` is a PEM file for an https one. */
export function control(base: string, ca?: string): Control {
  const dispatcher: Dispatcher = new Agent(ca === undefined ? {} : { connect: { ca: readFileSync(ca, 'utf8') } })

  async function call<Reply>(method: 'GET' | 'POST', path: string, body?: object): Promise<Reply> {
    const reply = await request(`${base}${path}`, {
      method,
      dispatcher,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await reply.body.text()
    if (reply.statusCode >= 400) throw new Error(`${method} ${path} was answered by ${reply.statusCode}: ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as Reply // The simulators' READMEs say what comes back.
  }

  return {
    get: path => call('GET', path),
    post: (path, body) => call('POST', path, body ?? {}),
    close: async () => await dispatcher.destroy(), // A long poll under way would be waited for.
  }
}
