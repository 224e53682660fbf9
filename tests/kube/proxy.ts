// A TCP proxy between the client and the server, for what networks do to connections.
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * `Refuse`: breaks all connections and takes none. `Silent`: what is sent is lost, and nothing closes. `Held`: what is
 * sent to the server waits on the way, and arrives when the link is open again. `Slow`: everything arrives, a kilobyte
 * each 5 ms.
 */
export type LinkState = 'Open' | 'Refuse' | 'Silent' | 'Held' | 'Slow'

export interface Proxy {
  readonly port: number
  /** Connections made through it since the start. */
  connections(): number
  /** Connections that were refused since the start. */
  refused(): number
  /** Connections open now. */
  open(): number
  /** Bytes that fell silent on their way. */
  swallowed(): number
  /** Bytes that wait on their way to the server. */
  held(): number
  /** Milliseconds that a slow link has held things up, summed. */
  slowed(): number
  /** Breaks all connections; new ones are taken. */
  cut(): void
  /** Breaks the connection that has just carried so many more bytes to the client; then, so many `later`. */
  cutAfter(bytes: number, ...later: number[]): void
  become(state: LinkState): void
  close(): Promise<void>
}

const SLOW_BYTES = 1024
const SLOW_MILLISECONDS = 5

export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let state: LinkState = 'Open'
  let opened = Promise.withResolvers<void>()
  let made = 0
  let refused = 0
  let swallowed = 0
  let held = 0
  let slowed = 0
  let bytesToCut = Number.POSITIVE_INFINITY
  let laterCuts: number[] = []
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }

  /** Carries `chunk` as the link is now. In order: whoever calls awaits the last one first. */
  const carry = async (chunk: Buffer, { to, isToClient }: { to: Socket; isToClient: boolean }) => {
    if (state === 'Silent') {
      swallowed += chunk.length
      return
    }
    if (state === 'Held' && !isToClient) {
      held += chunk.length
      await opened.promise
      held -= chunk.length
    }
    if (state !== 'Slow') return void to.write(chunk)
    for (let at = 0; at < chunk.length; at += SLOW_BYTES) {
      await delay(SLOW_MILLISECONDS)
      slowed += SLOW_MILLISECONDS
      to.write(chunk.subarray(at, at + SLOW_BYTES))
    }
  }
  const join = ({ from, to, isToClient }: { from: Socket; to: Socket; isToClient: boolean }) => {
    let carried = Promise.resolve()
    from.on('data', chunk => {
      if (isToClient) bytesToCut -= chunk.length
      if (bytesToCut <= 0) {
        bytesToCut = laterCuts.shift() ?? Number.POSITIVE_INFINITY
        to.write(chunk.subarray(0, chunk.length >> 1), () => to.resetAndDestroy())
        from.destroy()
        return
      }
      carried = carried.then(() => carry(chunk, { to, isToClient }))
    })
    const after = (then: () => void) => void carried.then(() => state !== 'Silent' && then())
    from.on('end', () => after(() => to.end()))
    from.on('close', () => after(() => to.destroy()))
  }
  const server = createServer(inward => {
    if (state === 'Refuse') {
      refused += 1
      return void inward.resetAndDestroy()
    }
    made += 1
    const outward = connect({ port: targetPort, host: '127.0.0.1' })
    track(inward)
    track(outward)
    join({ from: inward, to: outward, isToClient: false })
    join({ from: outward, to: inward, isToClient: true })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => made,
    refused: () => refused,
    open: () => sockets.size / 2,
    swallowed: () => swallowed,
    held: () => held,
    slowed: () => slowed,
    cut,
    cutAfter(bytes, ...later) {
      bytesToCut = bytes
      laterCuts = later
    },
    become(next) {
      state = next
      opened.resolve()
      if (next === 'Held') opened = Promise.withResolvers()
      if (next === 'Refuse') cut()
    },
    close: async () => {
      opened.resolve()
      cut()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
