// What Azure has to offer and who waits for it, over HTTP: hints for the API and for people. They change nothing, and
// nobody needs them. A replica that stands by answers from the same objects, without what only the leader has promised.
import { type Context, Hono } from 'hono'
import { STARTS_PATH } from '../../crds/starts.ts'
import type { Queue } from './admission.ts'
import type { Market } from './offerings.ts'
import { type Offering, offerings, type RegionOffer, regionOffers } from './offerings.ts'
import { methodNotAllowed, notFound, problem } from './problems.ts'
import { queueView } from './queue-view.ts'
import { starts } from './starts.ts'

const USUAL_LIMIT = 100
const MAXIMUM_LIMIT = 1000

export function capacityRoutes(outside: {
  market: () => Market
  queue: () => Queue
  /** From a machine's making to play, lately; `undefined` before anybody has played. */
  startSeconds: () => number | undefined
}): Hono {
  const app = new Hono()
  app.use('/v1/*', async (context, next) => {
    context.header('Cache-Control', 'no-store')
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') return methodNotAllowed(context)
    return await next()
  })

  app.get('/v1/offerings', context => {
    const market = outside.market()
    const known = Object.keys(market.conditions.catalogue.regions)
    const region = context.req.query('region')
    if (region !== undefined && !known.includes(region)) {
      return problem(context, 'RegionUnknown', `The catalogue has no region "${region}"; it has: ${known.join(', ')}.`)
    }
    const isAsked = (one: Offering | RegionOffer) => region === undefined || one.region === region
    return context.json({
      offerings: offerings(market).filter(isAsked),
      regions: regionOffers(market).filter(isAsked),
    })
  })

  app.get(STARTS_PATH, context => {
    const { market, queue, startSeconds } = outside
    return context.json(starts({ market: market(), queue: queue(), startSeconds: startSeconds() }))
  })

  app.get('/v1/queue', context => {
    const limit = limitOf(context)
    if (limit === undefined) {
      return problem(context, 'InvalidRequest', `limit must be a whole number from 1 to ${MAXIMUM_LIMIT}.`)
    }
    const waiting = queueView(outside.queue())
    return context.json({ waiting: waiting.length, sessions: waiting.slice(0, limit) })
  })

  app.get('/v1/queue/:namespace/:name', context => {
    const { namespace, name } = context.req.param()
    const found = queueView(outside.queue()).find(one => one.namespace === namespace && one.name === name)
    if (found) return context.json(found)
    const detail = `No session ${namespace}/${name} waits for a machine: it has one, wants none, or does not exist.`
    return problem(context, 'NotWaiting', detail)
  })

  app.all('/v1/*', notFound)
  return app
}

function limitOf(context: Context): number | undefined {
  const text = context.req.query('limit')
  if (text === undefined) return USUAL_LIMIT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= MAXIMUM_LIMIT ? limit : undefined
}
