// The pages' outside, made of the API's other rooms.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { RateLimits } from '../http/rate-limits.ts'
import { paymentUrl } from '../payments/page.ts'
import type { HostedRail } from '../payments/rail.ts'
import { isSignedReturn } from '../payments/razorpay-signature.ts'
import { stateOf, topUpByToken } from '../payments/top-ups.ts'
import { playerById } from '../players/players.ts'
import { affordableSeconds } from '../wallet/price.ts'
import { balanceOf } from '../wallet/wallet.ts'
import type { PagesOutside } from './pages.ts'

export interface PageRooms {
  database: Database
  clock: Clock
  log: Logger
  limits: RateLimits
  catalogue: () => Catalogue
  publicUrl: string
  rail: HostedRail
  razorpay: { keySecret: string; baseUrl: string }
  botUrl: () => string
}

export function pagesOutside(rooms: PageRooms): PagesOutside {
  const { database, clock, log, limits, catalogue, publicUrl, rail, razorpay, botUrl } = rooms
  return {
    log,
    limits,
    catalogue,
    botUrl,
    affordableSeconds: purse => Number(affordableSeconds(purse)),
    async topUp(token) {
      const topUp = await topUpByToken(database, token)
      if (topUp?.rail !== rail.name) return undefined
      const { playerId, amountPaise } = topUp
      const [player, balance] = await Promise.all([playerById(database, playerId), balanceOf(database, playerId)])
      return {
        firstName: player?.firstName ?? '',
        amountPaise,
        state: stateOf(topUp, clock.now()),
        balancePaise: balance.availablePaise,
      }
    },
    paymentUrl: token => paymentUrl({ database, rail, publicUrl }, { token, now: clock.now() }),
    isSignedReturn: parameters => isSignedReturn(parameters, razorpay.keySecret),
    // Razorpay's own pages are https and permitted anyway; a simulator's stand beside its API.
    paymentOrigins: [new URL(razorpay.baseUrl).origin],
  }
}
