// What goes wrong on purpose: injected answers, delays, lost replies.
import type { Fault, State } from './state.ts'

/** The fault that this call runs into; taking it uses up one of its times. */
export function takeFault(state: State, call: { method: string; path: string }): Fault | undefined {
  const fault = state.faults.find(
    ({ method, path }) => (method === undefined || method === call.method) && call.path.startsWith(path),
  )
  if (fault === undefined) return undefined
  fault.timesLeft -= 1
  if (fault.timesLeft <= 0) state.faults = state.faults.filter(each => each !== fault)
  return fault
}

/** The body of an injected answer: HTML where a proxy in front would answer, else Razorpay's shape. */
export function faultBody(fault: Fault & { status: number }): { html: string } | { json: Record<string, unknown> } {
  const { status } = fault
  if (status >= 502 && status <= 504) {
    return { html: `<html><head><title>${status}</title></head><body><h1>${status} Gateway error</h1></body></html>` }
  }
  const code = status >= 500 ? 'SERVER_ERROR' : 'BAD_REQUEST_ERROR'
  const usual =
    status >= 500
      ? 'We are facing some trouble completing your request at the moment. Please try again shortly.'
      : status === 429
        ? 'Request failed. Please try after sometime.'
        : 'Injected'
  const description = fault.description ?? usual
  return { json: { error: { code, description, source: 'NA', step: 'NA', reason: 'NA', metadata: {} } } }
}
