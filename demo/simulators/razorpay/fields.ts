// Reads and checks the fields of a request, one refusal naming the first wrong one, as Razorpay answers.
import { invalid } from './errors.ts'
import type { Notes } from './state.ts'

export type Fields = Record<string, unknown>

/** Paise. One rupee is the least that can be paid; ₹5,00,000 the most by default. */
const AMOUNT = { minimum: 100, maximum: 50_000_000 }
const NOTES_LIMIT = 15
const NOTE_LIMIT = 255

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function onlyKnown(fields: Fields, known: readonly string[]): void {
  const extra = Object.keys(fields).filter(name => !known.includes(name))
  if (extra.length > 0) {
    throw invalid(extra[0] ?? '', `${extra.join(', ')} is/are not required and should not be sent`)
  }
}

/** Whole paise; a decimal text of them passes, as in Razorpay. */
export function amountOf(fields: Fields, name: string): number {
  const value = fields[name]
  if (value === undefined || value === null || value === '') throw invalid(name, `The ${name} field is required.`)
  const amount = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof amount !== 'number' || !Number.isInteger(amount)) throw invalid(name, `The ${name} must be an integer.`)
  if (amount < AMOUNT.minimum) throw invalid(name, `The ${name} must be at least INR 1.00.`)
  if (amount > AMOUNT.maximum) throw invalid(name, 'Amount exceeds maximum amount allowed.')
  return amount
}

export function currencyOf(fields: Fields): 'INR' {
  const currency = fields.currency ?? 'INR'
  if (currency === 'INR' || currency === '') return 'INR'
  throw invalid('currency', 'Currency is not supported')
}

/** Undefined when absent or empty. */
export function textOf(fields: Fields, given: { name: string; limit: number }): string | undefined {
  const { name, limit } = given
  const value = fields[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw invalid(name, `The ${name} must be a string.`)
  if (value.length > limit) throw invalid(name, `${name}: the length must be no more than ${limit}.`)
  return value
}

export function booleanOf(fields: Fields, name: string): boolean | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (value === true || value === 1 || value === '1') return true
  if (value === false || value === 0 || value === '0') return false
  throw invalid(name, `The ${name} field must be true or false.`)
}

/** Seconds since 1970; undefined when absent. */
export function timeOf(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null || value === '' || value === 0) return undefined
  const time = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof time !== 'number' || !Number.isInteger(time) || time < 946_684_800 || time > 4_765_046_400) {
    throw invalid(name, `${name} must be between 946684800 and 4765046400`)
  }
  return time
}

export function notesOf(fields: Fields): Notes {
  const { notes } = fields
  if (notes === undefined || notes === null || (Array.isArray(notes) && notes.length === 0)) return []
  if (!isObject(notes)) throw invalid('notes', 'The notes must be an array.')
  const entries = Object.entries(notes)
  if (entries.length > NOTES_LIMIT)
    throw invalid('notes', 'Number of fields in notes should be less than or equal to 15')
  const checked: Record<string, string | number> = {}
  for (const [key, value] of entries) {
    if (typeof value !== 'string' && typeof value !== 'number') throw invalid('notes', 'notes: value must be a string.')
    if (String(value).length > NOTE_LIMIT) throw invalid('notes', 'value: the length must not be greater than 255.')
    checked[key] = value
  }
  return checked
}

export interface Page {
  from: number
  to: number
  count: number
  skip: number
}

/** The window of a list: newest first, 10 of them unless asked for up to 100. */
export function pageOf(query: Record<string, string>): Page {
  const whole = (name: string, given: { absent: number; maximum: number }) => {
    const text = query[name] ?? ''
    if (text === '') return given.absent
    if (!/^\d+$/.test(text)) throw invalid(name, `The ${name} must be an integer.`)
    if (Number(text) > given.maximum) throw invalid(name, `The ${name} may not be greater than ${given.maximum}.`)
    return Number(text)
  }
  const count = whole('count', { absent: 10, maximum: 100 })
  if (count === 0) throw invalid('count', 'The count must be at least 1.')
  return {
    from: whole('from', { absent: 0, maximum: 4_765_046_400 }),
    to: whole('to', { absent: 4_765_046_400, maximum: 4_765_046_400 }),
    count,
    skip: whole('skip', { absent: 0, maximum: 1_000_000 }),
  }
}

export function paged<Entity extends { created_at: number }>(entities: Iterable<Entity>, page: Page): Entity[] {
  const within = [...entities].filter(({ created_at }) => created_at >= page.from && created_at <= page.to)
  return within.reverse().slice(page.skip, page.skip + page.count)
}

export function collection<Entity>(items: Entity[]): Record<string, unknown> {
  return { entity: 'collection', count: items.length, items }
}
