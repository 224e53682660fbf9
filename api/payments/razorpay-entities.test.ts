import { expect, test } from 'vitest'
import { refundSeen } from './razorpay-entities.ts'

const refund = { id: 'rfnd_1', payment_id: 'pay_1', amount: 100, currency: 'INR' }
const states = [
  ['created', 'Pending'],
  ['pending', 'Pending'],
  ['processed', 'Processed'],
  ['failed', 'Failed'],
  ['reversed', 'Failed'],
] as const

test.each(states)('A refund that Razorpay calls %s is %s', (status, state) => {
  const seen = refundSeen({ ...refund, status })
  expect(seen.state).toBe(state)
  expect(seen).not.toHaveProperty('unknownState')
})

test('A refund of which Razorpay says what we do not know stays pending, with its word', () => {
  const told = { state: 'Pending', unknownState: 'on_hold' }
  expect(refundSeen({ ...refund, status: 'on_hold' })).toMatchObject(told)
  expect(refundSeen({ ...refund, status: 'constructor' })).toMatchObject({ ...told, unknownState: 'constructor' })
})
