// What an SRE, an attacker or a gateway does to the stack, apart from any player.
import { randomUUID } from 'node:crypto'
import type { Stores } from '../../demo/account/stores.ts'
import type { Control } from '../../demo/evening/control.ts'
import type { Stack } from '../../demo/stack/stack.ts'
import type { Stage, Until } from './stage.ts'

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
    async refused(name: string, spec: object): Promise<{ said: string; changed: boolean }> {
      const object = JSON.stringify(objectOf('GameSession', name, spec))
      const { code, stderr } = await stack.kubectl(['--namespace', stack.namespace, 'apply', '-f', '-'], object)
      const found = await kubectl(['get', 'gs', name, '--ignore-not-found', '-o', 'name'])
      return { said: stderr.trim(), changed: code === 0 || found.trim() !== '' }
    },
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
    async books(): Promise<Record<string, unknown> | undefined> {
      const [rows] = await stores.sql(`
        SELECT (SELECT count(*) FROM wallet_entries) AS entries, (SELECT count(*) FROM wallet_holds) AS holds,
               (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM sessions) AS sessions,
               (SELECT count(*) FROM razorpay_webhooks) AS webhooks`)
      return rows
    },
    async queueIsEmpty(): Promise<void> {
      await until('nothing waits in the queue', async () => {
        const [row] = await stores.sql('SELECT count(*) AS waiting FROM queue_items WHERE dead_at IS NULL')
        return Number(row?.waiting) === 0
      })
    },
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
  }
}
