// A top-up and the page on which it is paid: one link for each, whatever becomes of the replies.
import { beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { paymentUrl } from '../../api/payments/page.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { createTopUp, type TopUp } from '../../api/payments/top-ups.ts'
import { newPlayer } from './books.ts'
import { gatewayStage } from './gateway.ts'

const stage = gatewayStage()
let playerId: string
let topUp: TopUp
beforeEach(async () => {
  playerId = (await newPlayer(stage.database)).id
  topUp = await newTopUp(50_000n)
})

const newTopUp = (amountPaise: bigint) =>
  createTopUp(stage.database, { playerId, amountPaise, payBy: { rail: 'Razorpay' }, now: new Date() })

const openPage = (token = topUp.token) => {
  const outside = { database: stage.database, rail: stage.gateway.rails.Razorpay, publicUrl: 'http://127.0.0.1:3000' }
  return paymentUrl(outside, { token, now: new Date() })
}

test('A lost reply makes no second link: it is looked up by its reference', async () => {
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payment_links', loseReply: true })
  expect(await openPage()).toMatch(/^http/)
  const other = await newTopUp(10_000n)
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payment_links', status: 502 })
  expect(await openPage(other.token)).toMatch(/^http/)
  const stateSchema = z.object({ payment_links: z.array(z.object({ reference_id: z.string() })) })
  const { payment_links: links } = stateSchema.parse(await stage.gateway.control('GET', '/state'))
  const ours = links.filter(link => [topUp.id, other.id].includes(link.reference_id))
  expect(ours).toHaveLength(2)
})

test('Two who open the page at once are sent to one link', async () => {
  const urls = await Promise.all([1, 2, 3, 4].map(() => openPage()))
  expect(new Set(urls).size).toBe(1)
})

test('"They said no", "nothing was sent" and "nobody knows" are told apart', async () => {
  const about = { returnUrl: 'http://127.0.0.1:3000/done', now: new Date() }
  await stage.gateway.control('POST', '/faults', {
    path: '/v1/payment_links',
    status: 400,
    description: 'no links today',
    times: 2,
  })
  await expect(stage.gateway.rails.Razorpay.open(topUp, about)).rejects.toMatchObject({
    code: 'GatewayRefused',
    status: 400,
  })
  await stage.gateway.control('DELETE', '/faults')
  await stage.gateway.control('POST', '/faults', { path: '/v1/payment_links', status: 429, times: 2 })
  await expect(stage.gateway.rails.Razorpay.open(topUp, about)).rejects.toMatchObject({
    code: 'GatewayUnavailable',
    status: 429,
  })
  await stage.gateway.control('DELETE', '/faults')
  for (const status of [408, 502]) {
    await stage.gateway.control('POST', '/faults', { path: '/v1/payment_links', status, times: 9 })
    await expect(stage.gateway.rails.Razorpay.open(topUp, about)).rejects.toMatchObject({
      code: 'GatewayOutcomeUnknown',
      status,
    })
    await stage.gateway.control('DELETE', '/faults')
  }
  const nowhere = razorpayRail({ ...stage.gateway.settings, baseUrl: 'http://127.0.0.1:9' })
  await expect(nowhere.open(topUp, about)).rejects.toMatchObject({ code: 'GatewayUnavailable' })
  const wrongKey = razorpayRail({ ...stage.gateway.settings, keySecret: 'wrong' })
  await stage.gateway.control('DELETE', '/faults')
  await expect(wrongKey.open(topUp, about)).rejects.toMatchObject({ code: 'GatewayRefused', status: 401 })
})

test('Amounts out of range are refused with what is permitted', async () => {
  for (const amountPaise of [0n, -100n, 999n, 10_50n, 1_000_001n, 10_000_01n]) {
    await expect(newTopUp(amountPaise)).rejects.toMatchObject({ code: 'AmountOutOfRange' })
  }
  expect((await newTopUp(10_00n)).amountPaise).toBe(1000n)
})
