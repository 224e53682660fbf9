// HTTP to one API server over one pool of connections. Turns every kind of failure into a `KubeError`, and presents
// the credentials of the moment: a refused token is read anew once, a new client certificate gets a new pool.
import { type Dispatcher, Pool } from 'undici'
import type { Clock } from '../process/clock.ts'
import type { Credentials, Identity } from './credentials.ts'
import { KubeError } from './errors.ts'
import type { KubeMetrics } from './metrics.ts'
import { failure, refusal } from './status.ts'

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query: Readonly<Record<string, string | number | undefined>>
  body?: { type: string; text: string } | undefined
  signal?: AbortSignal | undefined
}

export interface TransportOptions {
  userAgent: string
  timeoutSeconds: number
  connections: number
  metrics: KubeMetrics | undefined
  clock: Clock
}

interface Opened {
  pool: Pool
  tls: Identity['tls']
}

export class Transport {
  readonly #credentials: Credentials
  readonly #options: TransportOptions
  readonly #origin: string
  readonly #prefix: string
  readonly #host: string
  #opened: Opened | undefined
  #closing: Promise<void> | undefined

  constructor(credentials: Credentials, options: TransportOptions) {
    const url = new URL(credentials.server)
    this.#credentials = credentials
    this.#options = options
    this.#origin = url.origin
    this.#prefix = url.pathname.replace(/\/+$/, '')
    this.#host = url.host
  }

  /** The whole answer, parsed from JSON. */
  async json(call: Call): Promise<unknown> {
    const started = this.#options.clock.monotonic()
    const answer = await this.#send(call, this.#options.timeoutSeconds)
    const text = await this.#reading(call, () => answer.body.text())
    const seconds = (this.#options.clock.monotonic() - started) / 1000
    const labels = { verb: call.method, host: this.#host }
    this.#options.metrics?.requestSeconds.observe(labels, seconds)
    this.#options.metrics?.responseBytes.observe(labels, Buffer.byteLength(text))
    if (call.body !== undefined) this.#options.metrics?.requestBytes.observe(labels, Buffer.byteLength(call.body.text))
    if (answer.statusCode >= 300) throw refusal(describe(call), answer, text)
    return parsed(call, text)
  }

  /** The answer as it comes, for as long as it comes. */
  async *stream(call: Call): AsyncGenerator<Uint8Array> {
    const answer = await this.#send(call, 0)
    if (answer.statusCode >= 300)
      throw refusal(describe(call), answer, await this.#reading(call, () => answer.body.text()))
    try {
      yield* answer.body
    } catch (cause) {
      throw failure(describe(call), cause, call.signal)
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#opened?.pool.close() ?? Promise.resolve()
    await this.#closing
  }

  async #send(call: Call, bodySeconds: number): Promise<Dispatcher.ResponseData> {
    const identity = await this.#credentials.identity()
    const answer = await this.#attempt(call, identity, bodySeconds)
    if (answer.statusCode !== 401) return answer

    const next = await this.#credentials.refresh()
    if (next === identity) return answer
    await answer.body.dump()
    this.countRetry(call, '401')
    return await this.#attempt(call, next, bodySeconds)
  }

  /** For whoever sends a call again. */
  countRetry({ method }: Call, code: string): void {
    this.#options.metrics?.requestRetries.inc({ code, verb: method, host: this.#host })
  }

  async #attempt(call: Call, identity: Identity, bodySeconds: number): Promise<Dispatcher.ResponseData> {
    const { method, body, signal } = call
    signal?.throwIfAborted()
    const count = (code: string) => this.#options.metrics?.requests.inc({ code, method, host: this.#host })
    const headers: Record<string, string> = {
      ...identity.headers,
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    }
    if (body !== undefined) headers['content-type'] = body.type
    try {
      const answer = await this.#pool(identity).request({
        method,
        path: this.#prefix + call.path + queryText(call.query),
        headers,
        body: body?.text ?? null,
        signal: signal ?? null,
        headersTimeout: this.#options.timeoutSeconds * 1000,
        bodyTimeout: bodySeconds * 1000,
      })
      count(String(answer.statusCode))
      return answer
    } catch (cause) {
      count('<error>')
      throw failure(describe(call), cause, call.signal)
    }
  }

  #pool(identity: Identity): Pool {
    if (this.#closing !== undefined) throw new KubeError('Unreachable', 'The client is closed.')
    if (this.#opened?.tls === identity.tls) return this.#opened.pool

    // Old connections carry the old certificate: they end with the calls that run on them.
    void this.#opened?.pool.close()
    const timeout = Math.min(10, this.#options.timeoutSeconds) * 1000
    const pool = new Pool(this.#origin, {
      connections: this.#options.connections,
      pipelining: 1,
      // One connection for each watch: nothing waits behind another's lost packet, and abort means close.
      allowH2: false,
      connect: { ...identity.tls, timeout, keepAlive: true, keepAliveInitialDelay: 15_000 },
      keepAliveTimeout: 60_000, // Below the server's 90 s, so that it is never the one to close under a request.
    })
    this.#opened = { pool, tls: identity.tls }
    return pool
  }

  async #reading(call: Call, read: () => Promise<string>): Promise<string> {
    try {
      return await read()
    } catch (cause) {
      throw failure(describe(call), cause, call.signal)
    }
  }
}

function queryText(query: Call['query']): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value))
  return given.size === 0 ? '' : `?${given}`
}

function parsed(call: Call, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new KubeError('Malformed', `${describe(call)}: the answer is no JSON.`, { cause })
  }
}

function describe({ method, path }: Call): string {
  return `${method} ${path}`
}
