// What Entra itself answered when it gave no token. The identity library tells a wrong tenant and an Entra out of reach by
// the same words, so the answers are read on their way: a refusal that only a person can mend is told as that at once.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
import type { PipelinePolicy } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import { z } from 'zod'
import { AzureError, UNAUTHENTICATED, UNREACHABLE } from './errors.ts'

/** AADSTS codes that Entra's own page calls transient, whatever their HTTP status. */
const TRANSIENT = [90_006, 90_012, 90_024, 90_033, 90_036]
/** Of an answer, a person needs no more. */
const MESSAGE_CHARACTERS = 1000

const answer = z.object({ error_description: z.string(), error_codes: z.array(z.number()).min(1) })

interface Refusal {
  codes: readonly number[]
  status: number
  message: string
}

/** A credential whose errors say what Entra answered last; `make` is given what listens to the answers. */
export function listening(make: (policy: PipelinePolicy) => TokenCredential): TokenCredential {
  let refusal: Refusal | undefined
  const credential = make({
    name: 'entraAnswers',
    async sendRequest(request, next) {
      refusal = undefined
      const response = await next(request)
      if (response.status >= 400) refusal = refusalIn(response.status, response.bodyAsText ?? '')
      return response
    },
  })
  return {
    async getToken(scopes, options) {
      try {
        return await credential.getToken(scopes, options)
      } catch (error) {
        const isAborted = error instanceof Error && error.name === 'AbortError'
        throw refusal === undefined || isAborted ? error : toError(refusal, error)
      }
    },
  }
}

/** `undefined` when it is not Entra that answers, but whatever stands between. */
export function refusalIn(status: number, text: string): Refusal | undefined {
  try {
    const { error_codes: codes, error_description: message } = answer.parse(JSON.parse(text))
    return { codes, status, message }
  } catch {
    return undefined
  }
}

export function toError({ codes, status, message }: Refusal, cause?: unknown): AzureError {
  const [sentence = ''] = message.split(/\r?\n| Trace ID:/)
  const isTransient = status >= 500 || status === 429 || codes.some(code => TRANSIENT.includes(code))
  return new AzureError(isTransient ? UNREACHABLE : UNAUTHENTICATED, sentence.slice(0, MESSAGE_CHARACTERS), {
    status,
    cause,
  })
}
