// What a program asked of the API server, read from its audit log.
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'

export interface Asked {
  verb: string
  resource: string
  name: string
  code: number
  at: Date
}

/** Where the log ends now, to read on from there. */
export function endOfLog(path: string): number {
  return statSync(path).size
}

/** All completed requests of programs whose user agent begins so, from `offset` on. */
export async function askedBy(userAgent: string, log: { path: string; offset: number }): Promise<Asked[]> {
  const asked: Asked[] = []
  for await (const line of createInterface(createReadStream(log.path, { start: log.offset }))) {
    if (!line.includes(userAgent)) continue
    const { verb, objectRef = {}, responseStatus = {}, requestReceivedTimestamp, userAgent: by } = JSON.parse(line)
    if (!String(by).startsWith(userAgent)) continue
    const { resource = '', subresource, name = '' } = objectRef
    asked.push({
      verb: String(verb),
      resource: subresource === undefined ? String(resource) : `${resource}/${subresource}`,
      name: String(name),
      code: Number(responseStatus.code),
      at: new Date(String(requestReceivedTimestamp)),
    })
  }
  return asked
}

/** Writes that count: an Event is told at will, and the Lease is what leading costs. */
export function writesIn(asked: readonly Asked[]): Asked[] {
  return asked.filter(
    ({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && !['events', 'leases'].includes(resource),
  )
}
