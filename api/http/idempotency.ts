// Idempotency-Key: a POST that is repeated is answered again, and not done again.
// https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
//
// The whole request is one transaction: what the handler does, and the reply under its key. So there is no state between
// "done" and "answered" to be lost in: a process may die after any line, and the repetition either finds the reply or does
// all of it. A refused request is rolled back and leaves nothing, so its repetition is tried anew. A route whose whole
// command is one function of the database keeps its reply in there itself, by the same lock and table, and needs no
// transaction around it.
import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { inOneTransaction, type Queries, type Transaction } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { randomByte } from '../../lib/process/random.ts'
import { PlayerError } from '../players/errors.ts'
import { type ApiEnvironment, IDEMPOTENCY_KEY } from './api.ts'
import { HttpError } from './errors.ts'

/** Hours for which a reply is given again. */
export const KEPT_HOURS = 24
/** Bytes under /v1: the largest are a Mini App's data. */
export const API_BODY_BYTES = 16 * 1024

export function idempotent({ clock }: { clock: Clock }): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    const request = await requestOf(context)
    const run = async (transaction: Transaction) => {
      const stored = await claim(transaction, request, clock.now())
      if (stored) return replay(context, request, stored)
      context.set('database', transaction)
      await next()
      if (context.error !== undefined || context.res.status >= 400) throw new Refused()
      if (context.get('changedNothing')) return
      await store(transaction, { context, request, now: clock.now() })
    }
    const database = context.get('database')
    await inOneTransaction(database, run).catch(async (error: unknown) => {
      if (!(error instanceof Refused)) throw error
      await context.get('afterRefusal')?.()
    })
  }
}

/** Rolls back. The reply says why already. */
class Refused extends Error {}

/** For a route that keeps its reply itself: sets `request`, under which it does so. */
export async function identified(context: Context<ApiEnvironment>): Promise<void> {
  context.set('request', await requestOf(context))
}

export interface IdentifiedRequest {
  owner: string
  key: string
  /** The player's sign-in, which has to stand still; `undefined` for everybody else. */
  signInId: string | undefined
  /** Everything that makes the request what it is. */
  text: string
  hash: Buffer
}

async function requestOf(context: Context<ApiEnvironment>): Promise<IdentifiedRequest> {
  const { req } = context
  const key = req.header('Idempotency-Key') ?? ''
  if (!IDEMPOTENCY_KEY.test(key)) throw new HttpError('IdempotencyKeyMissing')
  const body = await req.text()
  if (Buffer.byteLength(body) > API_BODY_BYTES) throw new HttpError('BodyTooLarge')
  const text = `${req.method}\n${req.path}\n${body}`
  const caller = context.get('caller')
  return {
    owner: ownerOf(context),
    key,
    signInId: caller?.kind === 'Player' ? caller.signInId : undefined,
    text,
    hash: digest('request', text),
  }
}

function ownerOf(context: Context<ApiEnvironment>): string {
  const caller = context.get('caller')
  if (caller?.kind === 'Player') return caller.playerId
  if (caller?.kind === 'Service') return `service:${caller.serviceId}:${caller.playerId}`
  const guest = context.get('guest')
  // Before anybody is signed in, keys are nobody's: hence their length, which cannot be guessed.
  return guest ? `guest:${guest.machine.uid}` : 'anonymous'
}

interface StoredReply {
  status: number
  sealedBody: Buffer
}

interface ClaimRow {
  is_signed_in: boolean
  is_free: boolean
  request_hash: Buffer | null
  status: number | null
  sealed_body: Buffer | null
}

/**
 * `undefined` when the request is ours to do. The lock goes with the transaction, however that ends. Whether the sign-in
 * still stands is asked in the same breath.
 */
async function claim(queries: Queries, request: IdentifiedRequest, now: Date): Promise<StoredReply | undefined> {
  const { owner, key, hash, signInId = null } = request
  const [found] = await queries<ClaimRow[]>`
    SELECT ${signInId}::text IS NULL OR sign_in_stands(${signInId}, ${now}) AS is_signed_in,
      pg_try_advisory_xact_lock(hashtextextended(${`idempotency ${owner} ${key}`}, 0)) AS is_free,
      known.request_hash, known.status, known.sealed_body
    FROM (VALUES (1)) one LEFT JOIN idempotent_requests known ON known.owner = ${owner} AND known.key = ${key}`
  if (found?.is_signed_in === false) throw unclaimed('SignedOut')
  if (!found?.is_free) throw unclaimed('IdempotencyInFlight')
  const { request_hash, status, sealed_body: sealedBody } = found
  if (!request_hash) return undefined
  // What is kept in clear is a route's own, which asks for it itself: under its key comes another request.
  if (!request_hash.equals(hash) || status === null || !sealedBody) throw unclaimed('IdempotencyKeyReused')
  return { status, sealedBody }
}

/** Why a request is neither done nor answered again. */
export function unclaimed(why: 'SignedOut' | 'IdempotencyInFlight' | 'IdempotencyKeyReused'): PlayerError | HttpError {
  if (why === 'SignedOut') return new PlayerError(why)
  return new HttpError(why, why === 'IdempotencyInFlight' ? { retryAfterSeconds: 1 } : {})
}

export const REPLAYED = { 'Idempotency-Replayed': 'true' } as const

function replay(context: Context<ApiEnvironment>, { text }: IdentifiedRequest, { status, sealedBody }: StoredReply) {
  const body = open(sealedBody, text)
  const type = body === '' ? {} : { 'Content-Type': 'application/json' }
  const headers = { ...REPLAYED, ...type }
  context.res = new Response(body === '' ? null : body, { status, headers })
}

async function store(
  queries: Queries,
  { context, request, now }: { context: Context<ApiEnvironment>; request: IdentifiedRequest; now: Date },
): Promise<void> {
  const { owner, key, text, hash } = request
  const body = await context.res.clone().text()
  const { count } = await queries`
    INSERT INTO idempotent_requests (owner, key, request_hash, status, sealed_body, at)
    VALUES (${owner}, ${key}, ${hash}, ${context.res.status}, ${seal(body, text)}, ${now}) ON CONFLICT DO NOTHING`
  // Stored by another between our look and our lock: rolled back, and answered from there the next time.
  if (count === 0) throw unclaimed('IdempotencyInFlight')
}

/** Forgets replies that are not given again any more. */
export async function forgetReplies(queries: Queries, now: Date): Promise<void> {
  await queries`DELETE FROM idempotent_requests WHERE at < ${new Date(now.getTime() - KEPT_HOURS * 3_600_000)}`
}

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Who reads the table learns no token from it: the key is made of the request's text, which holds the credential itself. */
export function seal(body: string, text: string): Buffer {
  const nonce = Buffer.allocUnsafe(NONCE_BYTES)
  for (let at = 0; at < NONCE_BYTES; at += 1) nonce[at] = randomByte()
  const cipher = createCipheriv(CIPHER, keyOf(text), nonce)
  return Buffer.concat([nonce, cipher.update(body, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

export function open(sealed: Buffer, text: string): string {
  const decipher = createDecipheriv(CIPHER, keyOf(text), sealed.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  const body = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  return body.toString('utf8')
}

/** Not the bytes themselves, of which a cipher takes ten times as long to make this. */
function keyOf(text: string): KeyObject {
  return createSecretKey(digest('reply', text))
}

function digest(purpose: string, text: string): Buffer {
  return hash('sha256', `${purpose}\n${text}`, 'buffer')
}
