import { expect, test } from 'vitest'
import { html, lines } from './html.ts'

test.each(['<b>Ada</b>', 'R&D', '</b><a href="tg://user?id=1">', '&lt;'])(
  'the name %s is shown as it is written',
  name => {
    const shown = html`Hi <b>${name}</b>`.text.slice('Hi <b>'.length, -'</b>'.length)
    expect(shown).not.toMatch(/[<>]/)
    expect(shown.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')).toBe(name)
  },
)

test('markup put into markup stays markup', () => {
  expect(html`Balance: ${html`<b>${500}</b>`}`.text).toBe('Balance: <b>500</b>')
})

test('an absent line leaves no gap, an empty one does', () => {
  expect(lines(html`a`, undefined, html``, html`b`).text).toBe('a\n\nb')
})
