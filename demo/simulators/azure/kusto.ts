// The part of the Kusto query language that Resource Graph's questions about machines need: a table, then `where` with
// ==, =~, !=, in, in~, contains, has and `and`; `project`, `order by`, `limit`. What it cannot read it refuses.
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language

export type Row = Record<string, unknown>

/** The query is not understood, or not part of what is here; the message names the place. */
export class QueryError extends Error {}

/** The rows of the table that the query names, as the query wants them. Tables are found without regard to case. */
export function answer(query: string, tables: Record<string, () => readonly Row[]>): Row[] {
  const [first = '', ...operators] = parts(query, '|')
  const name = first.trim()
  const table = Object.entries(tables).find(([one]) => one.toLowerCase() === name.toLowerCase())
  if (table === undefined) throw new QueryError(`There is no table '${name}'.`)
  return operators.reduce<Row[]>((rows, operator) => applied(operator.trim(), rows), [...table[1]()])
}

function applied(operator: string, rows: Row[]): Row[] {
  const [, word = '', rest = ''] = /^(where|project|order by|sort by|limit|take)\s+(.*)$/is.exec(operator) ?? []
  switch (word.toLowerCase()) {
    case 'where': {
      const conditions = parts(rest, ' and ').map(condition)
      return rows.filter(row => conditions.every(holds => holds(row)))
    }
    case 'project': {
      const columns = parts(rest, ',').map(column)
      return rows.map(row => Object.fromEntries(columns.map(({ name, of }) => [name, of(row)])))
    }
    case 'order by':
    case 'sort by':
      return ordered(rows, rest)
    case 'limit':
    case 'take':
      return rows.slice(0, Number(rest))
    default:
      throw new QueryError(`The operator '${operator}' is not known here.`)
  }
}

/** Split outside of quotes and brackets. */
function parts(text: string, separator: string): string[] {
  const found: string[] = []
  let depth = 0
  let quote = ''
  let begun = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === "'" || character === '"') quote = character
    else if ('(['.includes(character)) depth += 1
    else if (')]'.includes(character)) depth -= 1
    else if (depth === 0 && text.slice(at, at + separator.length).toLowerCase() === separator) {
      found.push(text.slice(begun, at))
      begun = at + separator.length
      at = begun - 1
    }
  }
  return [...found, text.slice(begun)]
}

function condition(text: string): (row: Row) => boolean {
  const [, left, operator, right] =
    /^\s*(.+?)\s*(==|=~|!=|!~|\bin~|\bin\b|\bcontains\b|\bhas\b|>=|<=|>|<)\s*(.+?)\s*$/is.exec(text) ?? []
  if (left === undefined || operator === undefined || right === undefined) {
    throw new QueryError(`The condition '${text.trim()}' is not known here.`)
  }
  const value = expression(left)
  const folded = (one: unknown) => String(one ?? '').toLowerCase()
  if (operator.toLowerCase().startsWith('in')) {
    const inner = /^\((.*)\)$/s.exec(right)?.[1]
    if (inner === undefined) throw new QueryError(`'${right}' is no list.`)
    const wanted = parts(inner, ',').map(one => expression(one)({}))
    if (operator.endsWith('~')) return row => wanted.some(one => folded(one) === folded(value(row)))
    return row => wanted.includes(value(row))
  }
  const other = expression(right)
  const compare: Record<string, (row: Row) => boolean> = {
    '==': row => value(row) === other(row),
    '!=': row => value(row) !== other(row),
    '=~': row => folded(value(row)) === folded(other(row)),
    '!~': row => folded(value(row)) !== folded(other(row)),
    contains: row => folded(value(row)).includes(folded(other(row))),
    has: row =>
      folded(value(row))
        .split(/\W+/)
        .includes(folded(other(row))),
    '>': row => order(value(row), other(row)) > 0,
    '<': row => order(value(row), other(row)) < 0,
    '>=': row => order(value(row), other(row)) >= 0,
    '<=': row => order(value(row), other(row)) <= 0,
  }
  const holds = compare[operator.toLowerCase()]
  if (holds === undefined) throw new QueryError(`The comparison '${operator}' is not known here.`)
  return holds
}

function order(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  return String(one) < String(other) ? -1 : String(one) > String(other) ? 1 : 0
}

function column(text: string): { name: string; of: (row: Row) => unknown } {
  const [, name, rest] = /^\s*(\w+)\s*=\s*(.+?)\s*$/s.exec(text) ?? []
  if (name !== undefined && rest !== undefined) return { name, of: expression(rest) }
  const path = text.trim()
  // As Kusto names a column made of a path.
  return { name: path.replaceAll(/[.[]/g, '_').replaceAll(/['"\]]/g, ''), of: expression(path) }
}

/** A literal, a path such as `properties.spotPrices[0].priceUSD`, or one of those inside a conversion. */
function expression(text: string): (row: Row) => unknown {
  const what = text.trim()
  const [, conversion, inner] =
    /^(tostring|todouble|toreal|toint|tolower|todatetime|datetime)\((.*)\)$/is.exec(what) ?? []
  if (conversion !== undefined && inner !== undefined) {
    const of = expression(/^\d{4}-/.test(inner) ? `'${inner}'` : inner)
    return row => converted(conversion.toLowerCase(), of(row))
  }
  const [, quoted] = /^(?:'([^']*)'|"([^"]*)")$/.exec(what)?.filter(part => part !== undefined) ?? []
  if (quoted !== undefined) return () => quoted
  if (/^-?\d+(\.\d+)?$/.test(what)) return () => Number(what)
  if (!/^[A-Za-z_]\w*(\.\w+|\[\d+\]|\['[^']+'\])*$/.test(what)) {
    throw new QueryError(`The expression '${what}' is not known here.`)
  }
  const steps = what.split(/[.[\]']+/).filter(step => step !== '')
  return row => steps.reduce<unknown>((value, step) => memberOf(value, step), row)
}

function converted(conversion: string, value: unknown): unknown {
  if (conversion === 'tolower') return String(value ?? '').toLowerCase()
  if (conversion === 'tostring') return value === undefined || value === null ? '' : String(value)
  if (conversion.endsWith('datetime')) return String(value)
  return value === undefined || value === null ? null : Number(value)
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return new Map(Object.entries(value)).get(name)
}

function ordered(rows: Row[], by: string): Row[] {
  const keys = parts(by, ',').map(one => {
    const [, path = '', direction = 'desc'] = /^\s*(.+?)(?:\s+(asc|desc))?\s*$/i.exec(one) ?? []
    return { of: expression(path), sign: direction.toLowerCase() === 'asc' ? 1 : -1 }
  })
  return rows.toSorted((one, other) => {
    for (const { of, sign } of keys) {
      const way = order(of(one), of(other)) * sign
      if (way !== 0) return way
    }
    return 0
  })
}
