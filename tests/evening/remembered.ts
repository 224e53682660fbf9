// A timeline that prints nothing and remembers the last of what it was told, for a test that fails.
import type { Timeline } from '../../demo/timeline.ts'

const REMEMBERED_LINES = 40

export function rememberingTimeline(): Timeline & { told(): string } {
  const lines: string[] = []
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const say = (who: string, text: string) => {
    lines.push(`${seconds().toFixed(1).padStart(6)}s  ${who.padEnd(9)} ${text.replaceAll('\n', ' ⏎ ')}`)
    if (lines.length > REMEMBERED_LINES) lines.shift()
  }
  return {
    seconds,
    say,
    chapter: title => say('', title),
    quote: text => say('', text),
    waiting: async (label, work) => {
      say('…', label)
      return await work
    },
    told: () => lines.join('\n'),
  }
}
