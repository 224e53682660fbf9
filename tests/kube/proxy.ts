// A TCP proxy between the client and the server, for what networks do to connections.
import { connect, createServer, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** Connections made through it since the start. */
  connections(): number
  /** Connections open now. */
  open(): number
  /** Bytes that fell silent on their way. */
  swallowed(): number
  /** Breaks all connections; new ones are taken. */
  cut(): void
  /** `Open`; `Refuse`: breaks all and takes none; `Silent`: nothing arrives any more and nothing closes. */
  become(state: 'Open' | 'Refuse' | 'Silent'): void
  close(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let state: 'Open' | 'Refuse' | 'Silent' = 'Open'
  let made = 0
  let swallowed = 0
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const server = createServer(inward => {
    if (state === 'Refuse') {
      inward.resetAndDestroy()
      return
    }
    made += 1
    const outward = connect({ port: targetPort, host: '127.0.0.1' })
    track(inward)
    track(outward)
    for (const [from, to] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      from.on('data', chunk => {
        if (state !== 'Silent') to.write(chunk)
        else swallowed += chunk.length
      })
      from.on('end', () => {
        if (state !== 'Silent') to.end()
      })
      from.on('close', () => {
        if (state !== 'Silent') to.destroy()
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => made,
    open: () => sockets.size / 2,
    swallowed: () => swallowed,
    cut,
    become(next) {
      state = next
      if (next === 'Refuse') cut()
    },
    close: async () => {
      cut()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
