// Finds what a run left behind: every process that names the run's folder in its command line.
import { execFileSync } from 'node:child_process'

export function processesIn(folder: string): string[] {
  const all = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,stat=,args='], { encoding: 'utf8' })
  return all
    .split('\n')
    .filter(line => line.includes(folder) && !/^\s*\d+\s+Z/.test(line)) // A zombie is a name without a process.
    .map(line => line.trim())
}
