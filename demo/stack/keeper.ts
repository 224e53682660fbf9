// Outlives the process that started it by a moment, to end what that one left behind: even after a SIGKILL, when
// nothing of its own can run any more. Its standard input is a pipe from there; the pipe's end is the parent's end.
//
// Lines in: `+ PID SIGNAL` (a process group to end, and how to ask it), `- PID` (gone, or no longer ours to end).

const GRACE_MILLISECONDS = 3000

const groups = new Map<number, NodeJS.Signals>()
let rest = ''

process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) {
    const [sign, pid = '', signal = 'SIGTERM'] = line.split(' ')
    if (sign === '+')
      groups.set(Number(pid), signal as NodeJS.Signals) // Written by processes.ts alone.
    else groups.delete(Number(pid))
  }
})
process.stdin.on('end', () => {
  for (const [pid, signal] of groups) send(pid, signal)
  const began = performance.now()
  const look = setInterval(() => {
    const late = performance.now() - began > GRACE_MILLISECONDS
    for (const pid of groups.keys()) {
      if (late) send(pid, 'SIGKILL')
      if (late || !send(pid, 0)) groups.delete(pid)
    }
    if (groups.size === 0) {
      clearInterval(look)
      process.exit(0)
    }
  }, 50)
})

// Ctrl-C goes to everything in the terminal's group; the parent answers it, and this one only its end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('SIGHUP', () => {})

/** Whether the group was still there. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}
