// What every page is put into.
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { styleSheet } from './style.ts'

export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>

/** A whole page. With `refreshSeconds` it asks for itself again after that time, which needs no script. */
export function page(content: { title: string; body: Markup; refreshSeconds?: number }): Markup {
  const { title, body, refreshSeconds } = content
  const refresh = refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="robots" content="noindex" />
${refresh}
<title>${title} · WASD Cloud</title>
<style>${raw(styleSheet)}</style>
</head>
<body>
<header class="brand"><span class="keys" aria-hidden="true"><i>W</i><i>A</i><i>S</i><i>D</i></span> Cloud</header>
<main>
${body}
</main>
</body>
</html>`
}
