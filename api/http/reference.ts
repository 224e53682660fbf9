// GET /reference: the API's document for a person, by Swagger UI. All of it is served from here, so that the policy lets in
// nothing from elsewhere.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { secureHeaders } from 'hono/secure-headers'

const CACHE = 'public, max-age=86400'
const style = asset('swagger-ui.css')
const bundle = asset('swagger-ui-bundle.js')
/** An inline script would need a hole in the policy. */
const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null })\n`

const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>API reference · WASD Cloud</title>
<link rel="stylesheet" href="/reference/swagger-ui.css" />
</head>
<body>
<div id="reference"></div>
<noscript>This page needs scripts. The document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/reference/swagger-ui-bundle.js"></script>
<script src="/reference/start.js"></script>
</body>
</html>`

export function referencePage(): Hono {
  const app = new Hono()
  app.use(
    '/reference/*',
    secureHeaders({
      xFrameOptions: 'DENY',
      referrerPolicy: 'no-referrer',
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    }),
  )
  const text = (type: string) => ({ 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': CACHE })
  app.get('/reference', context => context.html(page))
  app.get('/reference/swagger-ui.css', context => context.body(style, 200, text('text/css')))
  app.get('/reference/swagger-ui-bundle.js', context => context.body(bundle, 200, text('text/javascript')))
  app.get('/reference/start.js', context => context.body(start, 200, text('text/javascript')))
  return app
}

function asset(name: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)), 'utf8')
}
