// What the operator answers on GET /v1/starts, and the API reads: how soon a start would be played. A hint; both
// programs do without.
import { z } from 'zod'

export const STARTS_PATH = '/v1/starts'

export const startsSchema = z.looseObject({
  items: z
    .array(
      z.looseObject({
        tier: z.string(),
        region: z.string(),
        /** From the order to play, if it were ordered now. */
        expectedSeconds: z.number().min(0).max(86_400),
        /** Sessions that wait for the same and came before. */
        waiting: z.int().min(0).default(0),
      }),
    )
    .max(1000),
})
export type Starts = z.infer<typeof startsSchema>
