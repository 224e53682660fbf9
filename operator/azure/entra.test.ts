import { expect, test } from 'vitest'
import { decideOn } from './decisions.ts'
import { refusalIn, toError } from './entra.ts'

const answerOf = (code: number, words: string) =>
  JSON.stringify({ error: 'x', error_description: `AADSTS${code}: ${words} Trace ID: 1\r\nMore.`, error_codes: [code] })
const errorOf = (status: number, text: string) => {
  const refusal = refusalIn(status, text)
  return refusal && toError(refusal)
}

test.each([
  [400, 90_002, 'tenantId'],
  [400, 900_023, 'tenantId'],
  [400, 700_016, 'clientId'],
  [401, 700_213, 'federated credential'],
  [401, 7_000_215, 'federated credential'],
  [400, 700_099, 'federated credential'], // Whatever else Entra refuses for good.
])('%s with AADSTS%s stalls at once, with the field to mend', (status, code, field) => {
  const error = errorOf(status, answerOf(code, 'No.'))
  expect(error).toMatchObject({ code: 'AzureCredentialsRefused', message: `AADSTS${code}: No.` })
  expect(error && decideOn(error)).toMatchObject({ do: 'Stall', remedy: expect.stringContaining(field) })
})

test.each([
  [400, 90_033],
  [400, 90_024],
  [503, 90_002],
  [429, 700_016],
])('%s with AADSTS%s passes by itself', (status, code) => {
  const error = errorOf(status, answerOf(code, 'Later.'))
  expect(error && decideOn(error)).toMatchObject({ do: 'Retry' })
})

test.each(['', '<html>', '{"error":"x"}'])('what a proxy says is not Entra’s word: %s', text => {
  expect(refusalIn(502, text)).toBeUndefined()
})
