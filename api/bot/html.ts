// Text in Telegram's HTML. What is put into a template is escaped, so that a player's name can never be markup.

/** Text that is markup already. Made by `html` alone. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** https://core.telegram.org/bots/api#html-style: exactly these three must be replaced in text. */
const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** `html\`<b>${name}</b>\``: values are escaped unless they are `Html`. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  const escaped = values.map(value =>
    value instanceof Html ? value.text : String(value).replace(/[&<>]/g, character => entities[character] ?? ''),
  )
  return new Html(parts.reduce((text, part, index) => text + (escaped[index - 1] ?? '') + part))
}

/** Lines, one below the other; what is `undefined` leaves no empty line behind. */
export function lines(...each: readonly (Html | undefined)[]): Html {
  return new Html(each.flatMap(line => (line ? [line.text] : [])).join('\n'))
}
