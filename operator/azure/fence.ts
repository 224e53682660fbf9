// Azure is not changed by a process whose lease is not held beyond doubt: not by one either that was stopped for longer than
// its lease and wakes up in the middle of a pass, before any timer could tell it. What it has seen is old by then: a pause
// that it was about to carry out may have been taken back, and the player plays.
import type { PipelinePolicy, PipelineRequest } from '@azure/core-rest-pipeline'

/** Asks `permit`, which throws, before each request that may change something. To stand after whatever waits. */
export function fence(permit: () => void): PipelinePolicy {
  return {
    name: 'fence',
    async sendRequest(request, next) {
      if (!isQuestion(request)) permit()
      return await next(request)
    },
  }
}

/** Resource Graph is asked by POST: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources */
function isQuestion({ method, url }: PipelineRequest): boolean {
  return method === 'GET' || (method === 'POST' && /\/providers\/Microsoft\.ResourceGraph\/resources\b/i.test(url))
}
