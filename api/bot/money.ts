// Paise, seconds and days as a person reads them. Integers all the way: no float ever holds money.

const grouping = new Intl.NumberFormat('en-IN')

/** ₹1,234.50, in Indian grouping; a minus sign before the ₹. */
export function rupees(paise: bigint): string {
  const amount = paise < 0n ? -paise : paise
  const fraction = (amount % 100n).toString().padStart(2, '0')
  return `${paise < 0n ? '−' : ''}₹${grouping.format(amount / 100n)}.${fraction}`
}

/** ₹500 where no paise are left over, as on a button. */
export function rupeesShort(paise: bigint): string {
  return rupees(paise).replace(/\.00$/, '')
}

/** Whole seconds as hours and minutes: "1 h 5 min", "45 min", "under a minute". Rounded down, never promising more. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1) return seconds <= 0 ? '0 min' : 'under a minute'
  const hours = Math.floor(minutes / 60)
  const rest = minutes % 60
  if (hours === 0) return `${rest} min`
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
}

/** To the second, for a bill: "1 h 5 min 3 s", "45 s". */
export function exactDuration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [Math.floor(seconds % 60), 's'],
  ] as const
  const told = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`)
  return told.length > 0 ? told.join(' ') : '0 s'
}

const days = new Intl.DateTimeFormat('en-IN', { day: 'numeric', month: 'short', timeZone: 'Asia/Kolkata' })

/** A day as a player in India sees it: "23 Nov". */
export function day(date: Date): string {
  return days.format(date)
}
