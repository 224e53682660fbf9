// `parse_mode: HTML`, with the refusals of TDLib's parser (td/telegram/MessageEntity.cpp, parse_html): a bot that
// forgets to escape a player's name learns it here and not in production.
// core.telegram.org/bots/api#html-style
import { badRequest } from './errors.ts'

export interface Entity {
  type: string
  /** UTF-16 units, as JavaScript counts. */
  offset: number
  length: number
  url?: string
  language?: string
  custom_emoji_id?: string
}

export interface FormattedText {
  text: string
  entities: Entity[]
}

const ENTITY_OF_TAG: Record<string, string> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  'tg-spoiler': 'spoiler',
  span: 'spoiler',
  code: 'code',
  pre: 'pre',
  a: 'text_link',
  blockquote: 'blockquote',
  'tg-emoji': 'custom_emoji',
}
const NAMED_CHARACTERS: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"' }

interface OpenTag {
  name: string
  attributes: Record<string, string>
  start: number
}

/** Throws `BotApiError` 400 "can't parse entities: …". */
export function parseHtml(html: string): FormattedText {
  let text = ''
  let position = 0
  const open: OpenTag[] = []
  const entities: Entity[] = []
  const byteOffset = () => Buffer.byteLength(html.slice(0, position))

  while (position < html.length) {
    const rest = html.slice(position)
    if (rest.startsWith('&')) {
      const { character, length } = characterReference(rest)
      text += character
      position += length
      continue
    }
    if (!rest.startsWith('<')) {
      text += html.charAt(position)
      position += 1
      continue
    }
    if (rest.startsWith('</')) {
      const name = /^<\/([a-z-]*)\s*>/i.exec(rest)
      const tag = open.pop()
      if (tag === undefined) throw unparsable(`Unexpected end tag at byte offset ${byteOffset()}`)
      if (name === null) throw unparsable(`Unclosed end tag at byte offset ${byteOffset()}`)
      const found = (name[1] ?? '').toLowerCase()
      if (found !== '' && found !== tag.name) {
        throw unparsable(
          `Unmatched end tag at byte offset ${byteOffset()}, expected "</${tag.name}>", found "</${found}>"`,
        )
      }
      position += name[0].length
      const entity = entityOf(tag, text)
      if (entity) entities.push(entity)
      continue
    }
    const { tag, length } = startTag(rest, byteOffset())
    open.push({ ...tag, start: text.length })
    position += length
  }

  const unclosed = open.at(-1)
  if (unclosed) throw unparsable(`Can't find end tag corresponding to start tag "${unclosed.name}"`)
  return trimmed({ text, entities: entities.sort((a, b) => a.offset - b.offset || b.length - a.length) })
}

/** As people see it: no white space around, entities moved along. */
export function trimmed({ text, entities }: FormattedText): FormattedText {
  const lead = text.length - text.trimStart().length
  const kept = text.trim()
  const moved = entities.flatMap(entity => {
    const start = Math.max(entity.offset - lead, 0)
    const end = Math.min(entity.offset + entity.length - lead, kept.length)
    return end > start ? [{ ...entity, offset: start, length: end - start }] : []
  })
  return { text: kept, entities: moved }
}

function unparsable(detail: string) {
  return badRequest(`can't parse entities: ${detail}`)
}

/** An unknown `&…;` stays as it is, like in TDLib. */
function characterReference(rest: string): { character: string; length: number } {
  const match = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/i.exec(rest)
  const code = match?.[1] ? Number(match[1]) : match?.[2] ? Number.parseInt(match[2], 16) : 0
  const named = match?.[3] ? NAMED_CHARACTERS[match[3]] : undefined
  if (match && named !== undefined) return { character: named, length: match[0].length }
  if (match && code > 0 && code <= 0x10ffff) return { character: String.fromCodePoint(code), length: match[0].length }
  return { character: '&', length: 1 }
}

function startTag(rest: string, at: number): { tag: Omit<OpenTag, 'start'>; length: number } {
  const name = (/^<([^\s>]*)/.exec(rest)?.[1] ?? '').toLowerCase()
  if (ENTITY_OF_TAG[name] === undefined) throw unparsable(`Unsupported start tag "${name}" at byte offset ${at}`)

  const attributes: Record<string, string> = {}
  let position = name.length + 1
  for (;;) {
    position += /^\s*/.exec(rest.slice(position))?.[0].length ?? 0
    if (position >= rest.length) throw unparsable(`Unclosed start tag at byte offset ${at}`)
    if (rest[position] === '>') break
    const attribute = /^([^\s=>]+)\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([a-z0-9.-]+)))?/i.exec(rest.slice(position))
    if (attribute === null) throw unparsable(`Empty attribute name in the tag "${name}" at byte offset ${at}`)
    const value = attribute[2] ?? attribute[3] ?? attribute[4] ?? ''
    attributes[(attribute[1] ?? '').toLowerCase()] = value.replaceAll('&amp;', '&').replaceAll('&quot;', '"')
    position += attribute[0].length
  }
  if (name === 'span' && attributes.class !== 'tg-spoiler') {
    throw unparsable(`Tag "span" must have class "tg-spoiler" at byte offset ${at}`)
  }
  return { tag: { name, attributes }, length: position + 1 }
}

function entityOf(tag: OpenTag, text: string): Entity | undefined {
  const type = ENTITY_OF_TAG[tag.name]
  const length = text.length - tag.start
  if (type === undefined || length === 0) return undefined
  const plain: Entity = { type, offset: tag.start, length }
  if (type === 'text_link') {
    const url = tag.attributes.href ?? text.slice(tag.start)
    return URL.canParse(url) ? { ...plain, url } : undefined
  }
  if (type === 'custom_emoji') return { ...plain, custom_emoji_id: tag.attributes['emoji-id'] ?? '' }
  const language = /^language-(.+)$/.exec(tag.attributes.class ?? '')?.[1]
  return type === 'pre' && language !== undefined ? { ...plain, language } : plain
}
