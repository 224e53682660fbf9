// What an SRE, an attacker, a gateway or a saboteur does to the stack, apart from any player.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Stores } from '../../demo/account/stores.ts'
import type { Control } from '../../demo/evening/control.ts'
import type { Stack } from '../../demo/stack/stack.ts'
import type { Until } from '../until.ts'
import type { Stage } from './stage.ts'

const run = promisify(execFile)
const EXPLAIN = resolve(import.meta.dirname, '../../operator/explain.ts')
const SESSIONS_CRD = 'gamesessions.wasd.cloud'
const SPEC_SCHEMA = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties'

interface SchemaChange {
  path: string
  from: unknown
  to: unknown
  /** A spec that is answered otherwise by the changed schema. */
  seenBy: object
}

export type Deeds = ReturnType<typeof deeds>

export function objectOf(kind: 'GameSession' | 'GpuVm', name: string, spec: object): object {
  return { apiVersion: 'wasd.cloud/v1alpha1', kind, metadata: { name }, spec }
}

export function deeds(options: {
  stack: Stack
  stores: Stores
  until: Until
  kubectl: Stage['kubectl']
  razorpay: Control
}) {
  const { stack, stores, until, kubectl, razorpay } = options

  return {
    /** Applies a GameSession that must be refused; the words, and whether anything was made of it all the same. */
    async refused(name: string, spec: object): Promise<{ said: string; changed: boolean }> {
      const object = JSON.stringify(objectOf('GameSession', name, spec))
      const { code, stderr } = await stack.kubectl(['--namespace', stack.namespace, 'apply', '-f', '-'], object)
      const found = await kubectl(['get', 'gs', name, '--ignore-not-found', '-o', 'name'])
      return { said: stderr.trim(), changed: code === 0 || found.trim() !== '' }
    },
    /** The operator has told of this about an object, as an event. */
    async isTold(name: string, reason: string): Promise<void> {
      const selector = `--field-selector=regarding.name=${name},reason=${reason}`
      await until(`the event ${reason} about ${name}`, async () => {
        return (await kubectl(['get', 'events.events.k8s.io', selector, '-o', 'name'])).trim() !== ''
      })
    },
    async stopApi(): Promise<void> {
      await Promise.all(stack.api.map(pod => pod.stop()))
    },
    async startApi(): Promise<void> {
      await Promise.all(stack.api.map(pod => pod.start()))
    },
    async restartOperator(): Promise<void> {
      await Promise.all(stack.operator.map(pod => pod.stop()))
      await Promise.all(stack.operator.map(pod => pod.start()))
    },
    /** What `npm run explain` prints about a machine. */
    async explained(machine: string): Promise<string> {
      const args = [`gvm/${machine}`, '--namespace', stack.namespace, '--operator', stack.urls.operator]
      const { stdout } = await run(process.execPath, [EXPLAIN, ...args])
      return stdout
    },
    /** How many rows the API's books have: what is refused must not add any. */
    async books(): Promise<Record<string, unknown> | undefined> {
      const [rows] = await stores.sql(`
        SELECT (SELECT count(*) FROM wallet_entries) AS entries, (SELECT count(*) FROM wallet_holds) AS holds,
               (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM sessions) AS sessions,
               (SELECT count(*) FROM razorpay_webhooks) AS webhooks`)
      return rows
    },
    /** Nothing in the API's queue is still to be done. */
    async queueIsEmpty(): Promise<void> {
      await until('nothing waits in the queue', async () => {
        const [row] = await stores.sql('SELECT count(*) AS waiting FROM queue_items WHERE dead_at IS NULL')
        return Number(row?.waiting) === 0
      })
    },
    /** Razorpay sends a payment's webhooks once more; resolves when the API has accepted them all. */
    async redelivered(payment: string, { newEventId }: { newEventId: boolean }): Promise<void> {
      const { seq } = await razorpay.get<{ seq: number }>('/simulator/deliveries')
      const { events } = await razorpay.post<{ events: string[] }>('/simulator/redeliver', {
        payment,
        ...(newEventId && { newEventId }),
      })
      await until('the API accepts every delivery', async () => {
        const { deliveries } = await razorpay.get<{ deliveries: { event_id: string; status?: number }[] }>(
          `/simulator/deliveries?since=${seq}`,
        )
        return events.every(id => deliveries.some(({ event_id, status }) => event_id === id && status === 200))
      })
    },
    /** Sends what only Telegram may send, without its secret; the status that comes back. */
    async forgedUpdate({ chatId, text }: { chatId: number; text: string }): Promise<number> {
      const person = { id: chatId, is_bot: false, first_name: 'Mallory' }
      const chat = { id: chatId, type: 'private', first_name: 'Mallory' }
      const message = { message_id: 9_000_001, date: 1_700_000_000, chat, from: person, text }
      const reply = await fetch(`${stack.urls.api}/webhooks/telegram`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': randomUUID() },
        body: JSON.stringify({ update_id: 900_000_001, message }),
      })
      await reply.body?.cancel()
      return reply.status
    },
    /** A payment that Razorpay captures without any of our programs knowing; its id. */
    async paidPastUs(amountPaise: number): Promise<string> {
      const { keyId, keySecret, listening } = stack.simulators.razorpay.greeting
      const reply = await fetch(`${listening}/v1/payment_links`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`,
        },
        body: JSON.stringify({ amount: amountPaise, currency: 'INR', reference_id: randomUUID() }),
      })
      const { id } = z.object({ id: z.string() }).parse(await reply.json())
      const { payment } = await razorpay.post<{ payment: { id: string } }>(`/simulator/payment-links/${id}/pay`)
      return payment.id
    },
    /** The whole of a payment goes back, as on Razorpay's dashboard. */
    async refunded(payment: string): Promise<void> {
      await razorpay.post('/simulator/refunds', { payment_id: payment })
    },
    /** kubectl with the operator's own token, and its rights. */
    async asOperator(args: string[]): Promise<void> {
      const account = stack.users.operator.split(':').at(-1) ?? ''
      const token = (await kubectl(['create', 'token', account])).trim()
      const { server, caFile } = stack.cluster
      const itself = ['--kubeconfig=/dev/null', `--server=${server}`, `--certificate-authority=${caFile}`]
      const { code, stderr } = await stack.kubectl([...itself, `--token=${token}`, `-n=${stack.namespace}`, ...args])
      if (code !== 0) throw new Error(`The operator may not ${args.join(' ')}: ${stderr}`)
    },
    /** Changes one thing in the schema of a GameSession's spec while `act` lasts; `seenBy` is answered otherwise by it. */
    async withSchema(change: SchemaChange, act: () => Promise<void>): Promise<void> {
      const answer = async () => {
        const object = JSON.stringify(objectOf('GameSession', 'schema-probe', change.seenBy))
        const { stderr } = await stack.kubectl(
          ['--namespace', stack.namespace, 'apply', '--dry-run=server', '-f', '-'],
          object,
        )
        return stderr
      }
      const path = `${SPEC_SCHEMA}/${change.path}`
      const put = async (from: unknown, to: unknown) => {
        const patch = JSON.stringify([
          { op: 'test', path, value: from },
          { op: 'replace', path, value: to },
        ])
        await kubectl(['patch', 'crd', SESSIONS_CRD, '--type=json', `--patch=${patch}`])
      }
      const before = await answer()
      await put(change.from, change.to)
      try {
        await until('the changed schema is served', async () => (await answer()) !== before)
        await act()
      } finally {
        await put(change.to, change.from)
        await until('the old schema is served again', async () => (await answer()) === before)
      }
    },
  }
}
