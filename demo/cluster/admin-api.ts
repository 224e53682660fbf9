// Bare requests to the API server as cluster-admin, for what the launcher itself has to do there.
import { Agent, request } from 'undici'
import type { KeyPair } from './pki.ts'

export interface Answer {
  status: number
  /** Parsed when it is JSON, else the text. */
  body: unknown
}

export interface AdminApi {
  /** Any answer that came. Throws when none came. */
  answer(method: Method, path: string, body?: object): Promise<Answer>
  /** The body of a good answer; `undefined` for 404. Throws on any other. */
  call(method: Method, path: string, body?: object): Promise<unknown>
  close(): Promise<void>
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

const TIMEOUT_MILLISECONDS = 30_000

export function adminApi(options: { server: string; ca: string; user: KeyPair }): AdminApi {
  const { server, ca, user } = options
  const dispatcher = new Agent({
    connect: { ca, cert: user.certificate, key: user.key },
    headersTimeout: TIMEOUT_MILLISECONDS,
    bodyTimeout: TIMEOUT_MILLISECONDS,
  })

  const answer: AdminApi['answer'] = async (method, path, body) => {
    const reply = await request(`${server}${path}`, {
      method,
      dispatcher,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await reply.body.text()
    const isJson = String(reply.headers['content-type']).startsWith('application/json')
    return { status: reply.statusCode, body: isJson ? JSON.parse(text) : text }
  }
  return {
    answer,
    async call(method, path, body) {
      const { status, body: reply } = await answer(method, path, body)
      if (status === 404) return undefined
      if (status >= 400) throw new Error(`${method} ${path} was answered by ${status}: ${JSON.stringify(reply)}`)
      return reply
    },
    close: async () => await dispatcher.destroy(),
  }
}
