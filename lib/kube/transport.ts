// HTTP to one API server. Turns every kind of failure into a `KubeError`, and presents the credentials of the moment: a
// refused token is read anew once, a new client certificate gets new connections.
//
// Calls share few connections: beyond them they wait here, which costs nothing, and not in the server, where many writes at
// once slow one another down. Each watch has a connection of its own, so that no number of watches leaves none for calls.
// HTTP/1.1, since over HTTP/2 one lost packet or one dead link would hold up everybody, and it is no faster.
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
  /** Asked when the request is about to be written to its connection. */
  permit?: (() => void) | undefined
}

export interface TransportOptions {
  userAgent: string
  timeoutSeconds: number
  connections: number
  metrics: KubeMetrics | undefined
  clock: Clock
  /** Takes the `Warning` header of an answer that has one. */
  warn: (header: string) => void
}

/** What is open under one identity's certificate. */
interface Opened {
  tls: Identity['tls']
  calls: Pool
  watches: Pool
}
type Way = 'calls' | 'watches'

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
    const answer = await this.#send(call, 'calls')
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
    const answer = await this.#send(call, 'watches')
    if (answer.statusCode >= 300)
      throw refusal(describe(call), answer, await this.#reading(call, () => answer.body.text()))
    try {
      yield* answer.body
    } catch (cause) {
      throw failure(describe(call), cause, call.signal)
    }
  }

  async close(): Promise<void> {
    this.#closing ??= closed(this.#opened)
    await this.#closing
  }

  async #send(call: Call, way: Way): Promise<Dispatcher.ResponseData> {
    const identity = await this.#credentials.identity()
    const answer = await this.#attempt(call, identity, way)
    if (answer.statusCode !== 401) return answer

    const next = await this.#credentials.refresh()
    if (next === identity) return answer
    await answer.body.dump()
    this.countRetry(call, '401')
    return await this.#attempt(call, next, way)
  }

  /** For whoever sends a call again. */
  countRetry({ method }: Call, code: string): void {
    this.#options.metrics?.requestRetries.inc({ code, verb: method, host: this.#host })
  }

  async #attempt(call: Call, identity: Identity, way: Way): Promise<Dispatcher.ResponseData> {
    const { method, body, signal, permit } = call
    const milliseconds = this.#options.timeoutSeconds * 1000
    signal?.throwIfAborted()
    const count = (code: string) => this.#options.metrics?.requests.inc({ code, method, host: this.#host })
    const headers: Record<string, string> = {
      ...identity.headers,
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    }
    if (body !== undefined) headers['content-type'] = body.type
    try {
      const pool = this.#open(identity)[way]
      const answer = await (permit ? pool.compose(asking(permit)) : pool).request({
        method,
        path: this.#prefix + call.path + queryText(call.query),
        headers,
        body: body?.text ?? null,
        signal: signal ?? null,
        headersTimeout: milliseconds,
        bodyTimeout: way === 'calls' ? milliseconds : 0, // A watch may be silent; its reflector judges for how long.
      })
      count(String(answer.statusCode))
      const { warning } = answer.headers
      if (warning !== undefined) this.#options.warn(String(warning))
      return answer
    } catch (cause) {
      count('<error>')
      throw failure(describe(call), cause, call.signal)
    }
  }

  #open({ tls }: Identity): Opened {
    if (this.#closing !== undefined) throw new KubeError('Unreachable', 'The client is closed.')
    if (this.#opened?.tls === tls) return this.#opened

    void closed(this.#opened) // The old certificate's connections end with the calls that run on them.
    const timeout = Math.min(10, this.#options.timeoutSeconds) * 1000
    const pool = (connections: number | null) =>
      new Pool(this.#origin, {
        connections,
        pipelining: 1,
        allowH2: false,
        connect: { ...tls, timeout, keepAlive: true, keepAliveInitialDelay: 15_000 },
        keepAliveTimeout: 60_000, // Below the server's 90 s, so that it is never the one to close under a request.
      })
    this.#opened = { tls, calls: pool(this.#options.connections), watches: pool(null) }
    return this.#opened
  }

  async #reading(call: Call, read: () => Promise<string>): Promise<string> {
    try {
      return await read()
    } catch (cause) {
      throw failure(describe(call), cause, call.signal)
    }
  }
}

/** As near to the socket as there is: whatever follows is done before another turn of the loop. */
function asking(permit: () => void): Dispatcher.DispatcherComposeInterceptor {
  return dispatch => (options, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        permit()
        handler.onRequestStart?.(controller, context)
      },
      onResponseStart: (...answer) => handler.onResponseStart?.(...answer),
      onResponseData: (...part) => handler.onResponseData?.(...part),
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...why) => handler.onResponseError?.(...why),
    })
}

/** Once the calls that run are done. */
async function closed(opened: Opened | undefined): Promise<void> {
  await Promise.all([opened?.calls.close(), opened?.watches.close()])
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
