// Fetches and builds what tests run beside us, so that no test has to wait for it: one that lacks it makes it itself.
import { azureForGo, azureForPython, healthJudge } from './installed.ts'

await Promise.all([healthJudge(), azureForGo(), azureForPython()])
