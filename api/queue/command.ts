// `queue`: what a person does about dead letters. Lists them, shows one whole, puts them back to work.
import type { Queries } from '../../lib/database/pool.ts'
import { ArgumentsError, parseArguments } from '../arguments.ts'
import { toldByWebhook } from '../payments/razorpay-told.ts'
import { type DeadLetter, deadLetter, deadLetters, retryDeadLetter, retryDeadLettersOf } from './queue.ts'
import { isTopic, type TopicName, topicNames, topics } from './topics.ts'

export const QUEUE_USAGE = `Usage: npm run queue -- <command>

  dead [--topic TOPIC] [--limit N]   lists what failed for good, the newest first
  show ID                            shows one of them with what it carries
  retry ID...                        puts them back to work
  retry --topic TOPIC                puts all of a topic back to work, once its cause is mended

Topics: ${topicNames.join(', ')}. DATABASE_URL says where the queue is.`

const LIMIT = 50
const LIMIT_MAXIMUM = 1000
/** Characters of an error in the list; `show` has all of it. */
const ERROR_CHARACTERS = 120

/** What to print. Throws `ArgumentsError`. */
export async function queueCommand(args: readonly string[], queries: Queries): Promise<string> {
  const options = { topic: { type: 'string' }, limit: { type: 'string' } } as const
  const { values, positionals } = parseArguments({ args: [...args], options, allowPositionals: true }, QUEUE_USAGE)
  const [command, ...ids] = positionals
  const topic = topicOf(values.topic)
  if (command === 'dead' && ids.length === 0) {
    return listing(await deadLetters(queries, { limit: limitOf(values.limit), topic }))
  }
  if (command === 'show' && ids.length === 1) return await shown(queries, idOf(ids[0]))
  if (command === 'retry' && ids.length === 0 && topic !== undefined) {
    const count = await retryDeadLettersOf(queries, topic)
    return `${count} of ${topic} put back to work.`
  }
  if (command === 'retry' && ids.length > 0) {
    const lines = await Promise.all(ids.map(idOf).map(id => retried(queries, id)))
    return lines.join('\n')
  }
  throw new ArgumentsError(`Say dead, show ID, retry ID or retry --topic TOPIC.\n${QUEUE_USAGE}`)
}

function topicOf(text: string | undefined): TopicName | undefined {
  if (text === undefined || isTopic(text)) return text
  throw new ArgumentsError(`--topic is '${text}'; one of ${topicNames.join(', ')} is expected.`)
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= LIMIT_MAXIMUM) return limit
  throw new ArgumentsError(`--limit is '${text}'; a whole number from 1 to ${LIMIT_MAXIMUM} is expected.`)
}

function idOf(text: string | undefined): bigint {
  if (text !== undefined && /^\d{1,18}$/.test(text)) return BigInt(text)
  throw new ArgumentsError(`'${text}' is no id; the number in the first column of \`queue dead\` is expected.`)
}

async function shown(queries: Queries, id: bigint): Promise<string> {
  const letter = await deadLetter(queries, id)
  if (!letter) throw new ArgumentsError(`There is no dead letter ${id}. List them with \`queue dead\`.`)
  const { payload, ...about } = letter
  const lines = Object.entries(about).map(([name, value]) => {
    return `${name.padEnd(12)}${value instanceof Date ? value.toISOString() : value}`
  })
  return `${lines.join('\n')}\n${JSON.stringify(await toldBy(queries, letter), undefined, 2)}`
}

/** What it carries; what that stands for, where it is an id alone that says nothing to a person. */
async function toldBy(queries: Queries, { topic, payload }: { topic: string; payload: unknown }): Promise<unknown> {
  const webhook = topics['razorpay.webhook'].payload.safeParse(payload)
  if (topic !== 'razorpay.webhook' || !webhook.success) return payload
  const { webhookId } = webhook.data
  return { webhookId, ...((await toldByWebhook(queries, webhookId)) ?? { event: 'no longer in the store' }) }
}

async function retried(queries: Queries, id: bigint): Promise<string> {
  const isBack = await retryDeadLetter(queries, id)
  return isBack ? `${id} put back to work.` : `${id} is no dead letter: done meanwhile, or never one.`
}

function listing(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'No dead letters.'
  const head = ['ID', 'TOPIC', 'KEY', 'ATTEMPTS', 'DEAD SINCE', 'ERROR']
  const rows = letters.map(({ id, topic, key, attempts, lastError, deadAt }) => [
    ...[String(id), topic, key, String(attempts), deadAt.toISOString()],
    lastError.replaceAll(/\s+/g, ' ').slice(0, ERROR_CHARACTERS),
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => row[column]?.length ?? 0)))
  return [head, ...rows]
    .map(row =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
