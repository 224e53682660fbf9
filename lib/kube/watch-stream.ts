// A watch is one JSON document per line, in chunks cut anywhere.

/** The lines of a stream of bytes; what follows the last line end is a line too. */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let parts: string[] = [] // Of the line that is not complete; joined once, since a line may come in hundreds.
  for await (const chunk of chunks) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    const last = pieces.pop() ?? ''
    for (const piece of pieces) {
      const line = parts.join('') + piece
      parts = []
      if (line !== '') yield line
    }
    if (last !== '') parts.push(last)
  }
  if (parts.length > 0) yield parts.join('')
}
