// The pages' one style sheet: inline, so that a page is one request; its digest is what the content policy lets in.
import { createHash } from 'node:crypto'

export const styleSheet = `
:root {
  color-scheme: light dark;
  --page: #f4f3ef; --card: #ffffff; --ink: #1b1a17; --soft: #6a675f; --line: #e4e1d8;
  --accent: #2f5bea; --on-accent: #ffffff; --good: #12805c; --bad: #b3362b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121316; --card: #1b1d22; --ink: #f1efe9; --soft: #9d9b94; --line: #2c2f36;
    --accent: #7d9bff; --on-accent: #0d1020; --good: #5fd3a8; --bad: #ff8f84;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; align-items: center;
  justify-content: center; gap: 1.25rem; padding: 1.25rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; -webkit-text-size-adjust: 100%;
}
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1.25rem; padding: 1.75rem 1.5rem; }
.brand { font-weight: 700; letter-spacing: .02em; display: flex; gap: .5rem; align-items: center; }
.keys { display: inline-flex; gap: .2rem; }
.keys i { font: 700 .7rem/1.45rem ui-monospace, "SF Mono", Menlo, monospace; width: 1.45rem; text-align: center;
  border: 1px solid var(--line); border-bottom-width: 3px; border-radius: .35rem; background: var(--card); }
h1 { font-size: 1.2rem; line-height: 1.3; font-weight: 650; }
.amount { font-size: 3rem; line-height: 1.15; font-weight: 720; letter-spacing: -.03em; margin: .35rem 0 .25rem;
  font-variant-numeric: tabular-nums; }
p + p, h1 + p { margin-top: .6rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
table { width: 100%; border-collapse: collapse; margin: 1.25rem 0 1.5rem; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding-bottom: .35rem; }
td, th { padding: .6rem 0; border-top: 1px solid var(--line); text-align: left; font-weight: 400; vertical-align: top; }
th small { display: block; color: var(--soft); }
td { text-align: right; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
button, .button { display: block; width: 100%; border: 0; border-radius: .85rem; padding: .95rem 1rem; font: inherit;
  font-weight: 650; text-align: center; text-decoration: none; background: var(--accent); color: var(--on-accent);
  cursor: pointer; }
button:hover, .button:hover { filter: brightness(1.07); }
button:focus-visible, .button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
form + p, .button + p { margin-top: .85rem; }
p + .button, p + form { margin-top: 1.5rem; }
.wait { height: 3px; border-radius: 3px; margin: 1.5rem 0 .5rem; overflow: hidden; background: var(--line); }
.wait::after { content: ""; display: block; height: 100%; width: 35%; border-radius: 3px; background: var(--accent);
  animation: along 1.6s ease-in-out infinite alternate; }
@keyframes along { to { transform: translateX(186%); } }
@media (prefers-reduced-motion: reduce) { .wait::after { animation: none; width: 100%; } }
`

/** For `style-src` in the Content-Security-Policy. https://www.w3.org/TR/CSP3/#grammardef-hash-source */
export const styleSource = `'sha256-${createHash('sha256').update(styleSheet).digest('base64')}'`
