// Hono with nothing before its handlers: the same row, and the same start by the same SQL. What the middleware costs is the
// difference.
import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import { playerById } from '../../api/players/players.ts'
import { start } from '../../api/sessions/starting.ts'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { connect } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { listen } from '../../lib/process/server.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { given } from './api-settings.ts'

const { databaseUrl, catalogueFile, connections } = given(process.env)
const log = createLogger({ program: 'bare', level: 'fatal' })
const catalogue = parseCatalogue(readFileSync(catalogueFile, 'utf8'))
const database = connect(databaseUrl, { max: connections, applicationName: 'bare' })
const terms = { catalogue: () => catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] }

/** Nobody is signed in here: whom it is about is told in a header. */
const whoAsks = (header: string | undefined) => header ?? ''

const application = new Hono()
  .get('/v1/me', async context => {
    const player = await playerById(database, whoAsks(context.req.header('Wasd-Player')))
    return player
      ? context.json({ ...player, telegramUserId: String(player.telegramUserId), telegramChatId: undefined })
      : context.json({}, 404)
  })
  .post('/v1/sessions', async context => {
    const { game, tier } = await context.req.json<{ game: string; tier: string }>()
    const playerId = whoAsks(context.req.header('Wasd-Player'))
    const { id } = await start({ ...terms, database }, { playerId, game, tier, now: clock.now() })
    return context.json({ id, state: 'Starting' }, 201)
  })
const server = await listen({ application, name: 'http', host: '127.0.0.1', port: 0, clock, log })
console.log(`port ${server.port}`)
