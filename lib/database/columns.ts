// Columns are read by name, never by `*`: then a column more, which a later version's migration adds beside this version,
// changes the result of no statement. PostgreSQL refuses one that is prepared and would give another ("cached plan must not
// change result type"), once on each connection, and whatever transaction it stands in fails by that.

/** The words of a text. */
type Word<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Word<Rest> : Text
/** What is in one of both alone. */
type Difference<One, Other> = Exclude<One, Other> | Exclude<Other, One>

/**
 * The columns of a row that is read in more than one place: each key of `Row` and nothing else, or it does not compile. As
 * in `SELECT ${queries(columns)} FROM`, and with the table's alias where it is joined.
 */
export function columnsOf<Row>() {
  return <Text extends string>(
    ...texts: [Difference<keyof Row, Word<Text>>] extends [never] ? Text[] : Difference<keyof Row, Word<Text>>[]
  ): string[] => texts.join(' ').split(' ')
}

export function aliased(alias: string, columns: readonly string[]): string[] {
  return columns.map(column => `${alias}.${column}`)
}
