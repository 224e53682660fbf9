// `node api/main.ts service-token`: makes, lists and revokes the tokens of services. The token itself is printed once.
import { z } from 'zod'
import type { Queries } from '../../lib/database/pool.ts'
import { ArgumentsError, parseArguments } from '../arguments.ts'
import { isScope, SCOPES, type Scope } from './scopes.ts'
import { createServiceToken, revokeServiceToken, type ServiceToken, serviceTokens } from './service-tokens.ts'

const USAGE = `Usage: node api/main.ts service-token create --name NAME --scope SCOPE [--scope SCOPE]... [--days N]
       node api/main.ts service-token list
       node api/main.ts service-token revoke ID

  --name NAME    who it is for, 1 to 64 characters
  --scope SCOPE  one of ${SCOPES.join(', ')}
  --days N       for how long it is good, 1 to 366; default 90

A service sends it as Authorization: Bearer, with the player's id in Wasd-Player.`

const MAXIMUM_DAYS = 366
const daysSchema = z
  .string()
  .regex(/^\d{1,3}$/)
  .transform(Number)
  .pipe(z.number().min(1).max(MAXIMUM_DAYS))

/** What is to be printed. Throws `ArgumentsError`. */
export async function serviceTokenCommand(args: readonly string[], queries: Queries, now: Date): Promise<string> {
  const options = {
    name: { type: 'string' },
    scope: { type: 'string', multiple: true },
    days: { type: 'string', default: '90' },
    help: { type: 'boolean' },
  } as const
  const { values, positionals } = parseArguments({ args: [...args], options, allowPositionals: true }, USAGE)
  if (values.help) return USAGE
  const [verb, id, ...more] = positionals
  if (more.length > 0) throw new ArgumentsError(`One id is taken at a time.\n${USAGE}`)
  switch (verb) {
    case 'create': {
      const order = orderOf(values)
      const { id: made, token, expiresAt } = await createServiceToken(queries, { ...order, now })
      return `Made ${made} for ${order.name}, good until ${expiresAt.toISOString()}. It is shown this once:\n${token}`
    }
    case 'list':
      return listOf(await serviceTokens(queries), now)
    case 'revoke':
      if (id === undefined) throw new ArgumentsError(`Say which: service-token list shows the ids.\n${USAGE}`)
      if (!(await revokeServiceToken(queries, { id, now }))) {
        throw new ArgumentsError(`There is no token ${id} that could be revoked. service-token list shows them.`)
      }
      return `Revoked ${id}. It opens nothing any more.`
    default:
      throw new ArgumentsError(`Say create, list or revoke.\n${USAGE}`)
  }
}

function orderOf(values: { name?: string; scope?: string[]; days: string }): {
  name: string
  scopes: Scope[]
  days: number
} {
  const { name = '', scope: scopes = [] } = values
  if (name.length < 1 || name.length > 64) throw new ArgumentsError(`--name of 1 to 64 characters is needed.\n${USAGE}`)
  const unknown = scopes.find(scope => !isScope(scope))
  if (unknown !== undefined) throw new ArgumentsError(`There is no scope ${unknown}.\n${USAGE}`)
  if (scopes.length === 0) throw new ArgumentsError(`A --scope is needed: without any it could do nothing.\n${USAGE}`)
  const days = daysSchema.safeParse(values.days)
  if (!days.success) throw new ArgumentsError(`--days is a whole number from 1 to ${MAXIMUM_DAYS}.\n${USAGE}`)
  return { name, scopes: [...new Set(scopes.filter(isScope))], days: days.data }
}

function listOf(tokens: readonly ServiceToken[], now: Date): string {
  if (tokens.length === 0) return 'There are no service tokens.'
  return tokens.map(token => `${token.id}  ${stateOf(token, now)}  ${token.name}  ${token.scopes.join(' ')}`).join('\n')
}

function stateOf({ expiresAt, revokedAt }: ServiceToken, now: Date): string {
  if (revokedAt) return `revoked ${revokedAt.toISOString()}`
  return `${now < expiresAt ? 'good until' : 'expired'} ${expiresAt.toISOString()}`
}
