// The Razorpay simulator as a process.
import { z } from 'zod'
import { startSimulator } from './simulator.ts'

const readySchema = z.object({
  listening: z.string(),
  account: z.string(),
  keyId: z.string(),
  keySecret: z.string(),
  webhookSecret: z.string(),
})

export async function startRazorpay(...options: string[]) {
  const given = ['--retry-scale', '0.01', '--disorder', '0.05', ...options]
  const { ready, control, stop } = await startSimulator('razorpay', given, readySchema)
  const { listening: baseUrl, account: accountId, keyId, keySecret, webhookSecret } = ready
  return { baseUrl, accountId, keyId, keySecret, webhookSecret, control, stop }
}
