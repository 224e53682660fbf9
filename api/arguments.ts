// The command line of the API's verbs: what cannot be understood is answered with what would be.
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The command line cannot be understood; `message` says what would be. */
export class ArgumentsError extends Error {
  readonly code = 'InvalidArguments'
}

/** Node's `parseArgs`, strict. Throws `ArgumentsError` with `usage` below what is wrong. */
export function parseArguments<Config extends ParseArgsConfig>(config: Config, usage: string) {
  try {
    return parseArgs(config)
  } catch (cause) {
    throw new ArgumentsError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`, { cause })
  }
}
