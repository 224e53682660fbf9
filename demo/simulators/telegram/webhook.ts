// setWebhook, deleteWebhook, getWebhookInfo. core.telegram.org/bots/api#setwebhook
import type { Delivery } from './delivery.ts'
import { badRequest, refuse } from './errors.ts'
import { booleanOf, integerOf, type Parameters, structureOf, textOf } from './parameters.ts'
import { type State, UPDATE_KINDS, type UpdateKind, type World } from './state.ts'

const DEFAULT_CONNECTIONS = 40
const SECRET_TOKEN_LIMIT = 256

/** A method's result with the sentence that Telegram sends beside it. */
export interface Described {
  result: true
  description: string
}

export function setWebhook(world: World, delivery: Delivery, parameters: Parameters): Described {
  const { state } = world
  const url = (textOf(parameters, 'url') ?? '').trim()
  if (url === '') return deleteWebhook(world, delivery, parameters)
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw badRequest('bad webhook: An HTTP or HTTPS URL must be provided for webhook')
  }
  const secretToken = textOf(parameters, 'secret_token') || undefined
  if (secretToken && secretToken.length > SECRET_TOKEN_LIMIT) throw refuse('SecretTokenTooLong')
  if (secretToken && !/^[A-Za-z0-9_-]+$/.test(secretToken)) throw refuse('SecretTokenInvalid')
  const given = integerOf(parameters, 'max_connections') ?? DEFAULT_CONNECTIONS
  const maxConnections = Math.min(Math.max(given, 1), 100_000)

  subscribe(state, structureOf(parameters, 'allowed_updates'))
  if (booleanOf(parameters, 'drop_pending_updates')) state.pending = []
  const { webhook } = state
  const same = webhook?.url === url && webhook.secretToken === secretToken && webhook.maxConnections === maxConnections
  if (same) return { result: true, description: 'Webhook is already set' }

  state.webhook = { url, secretToken, maxConnections, lastErrorDate: undefined, lastErrorMessage: undefined }
  delivery.webhookChanged()
  return { result: true, description: 'Webhook was set' }
}

export function deleteWebhook(world: World, delivery: Delivery, parameters: Parameters): Described {
  const { state } = world
  if (booleanOf(parameters, 'drop_pending_updates')) state.pending = []
  if (state.webhook === undefined) return { result: true, description: 'Webhook is already deleted' }
  state.webhook = undefined
  delivery.webhookChanged()
  return { result: true, description: 'Webhook was deleted' }
}

/** Absent: the subscription stays. Empty: every kind again. Unknown kinds are ignored, as Telegram does. */
export function subscribe(state: State, allowed: unknown): void {
  if (!Array.isArray(allowed)) return
  const known = UPDATE_KINDS.filter(kind => allowed.includes(kind))
  state.allowedUpdates = allowed.length === 0 ? undefined : (known satisfies UpdateKind[])
}

export function webhookInfo(state: State): unknown {
  const { webhook, pending, allowedUpdates } = state
  return {
    url: webhook?.url ?? '',
    has_custom_certificate: false,
    pending_update_count: pending.length,
    ...(webhook && { max_connections: webhook.maxConnections, ip_address: '127.0.0.1' }),
    ...(webhook?.lastErrorDate !== undefined && { last_error_date: webhook.lastErrorDate }),
    ...(webhook?.lastErrorMessage !== undefined && { last_error_message: webhook.lastErrorMessage }),
    ...(allowedUpdates && { allowed_updates: allowedUpdates }),
  }
}
