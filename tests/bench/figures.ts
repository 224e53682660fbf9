// What a benchmark found, beside what it has to be.

export interface Figure {
  what: string
  value: number
  unit?: string
  /** Without one, the figure is there to be read. */
  target?: { atMost: number } | { atLeast: number }
}

export interface Part {
  title: string
  figures: Figure[]
}

export function isMissed({ value, target }: Figure): boolean {
  if (target === undefined) return false
  return 'atMost' in target ? !(value <= target.atMost) : !(value >= target.atLeast)
}

/** For a person: a table with the target beside each figure, and a word where it is missed. */
export function table({ title, figures }: Part): string {
  const rows = figures.map(figure => [
    figure.what,
    worded(figure.value, figure.unit),
    targetOf(figure),
    verdictOf(figure),
  ])
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const lines = rows.map(([what = '', value = '', target = '', verdict = '']) =>
    `  ${what.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)}  ${target.padEnd(widths[2] ?? 0)}  ${verdict}`.trimEnd(),
  )
  return `\n${title}\n\n${lines.join('\n')}\n`
}

function targetOf({ target, unit }: Figure): string {
  if (target === undefined) return ''
  return 'atMost' in target ? `at most ${worded(target.atMost, unit)}` : `at least ${worded(target.atLeast, unit)}`
}

function verdictOf(figure: Figure): string {
  if (figure.target === undefined) return ''
  return isMissed(figure) ? 'MISSED' : 'ok'
}

function worded(value: number, unit = ''): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  const number = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return unit === '' ? number : `${number} ${unit}`
}

/** The upper one of an even number; NaN of none, which misses every target. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
