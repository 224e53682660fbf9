// The catalogue's file changes while the programs run, as a kubelet changes a ConfigMap's: all at once, through a link.
import { expect, test } from 'vitest'
import { openCatalogue } from '../../crds/catalogue-file.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { BROKEN, mounted, sample } from './support/config-map.ts'

test('I8: a change is taken over once, what cannot be used is told once and replaces nothing, and a file that is away for a while is waited for', async ({
  onTestFinished,
}) => {
  const { path, put, remove } = mounted(onTestFinished)
  const clock = handClock()
  const told: string[] = []
  const file = openCatalogue({
    path,
    clock,
    onChange: () => told.push('changed'),
    onRefused: error => told.push(`${error.code} ${/tiers\S+/.exec(error.message)?.[0]}`),
  })
  const end = new AbortController()
  const running = file.run(end.signal)
  const price = () => file.current().tiers.standard?.pricePaisePerHour
  const after = async (seconds: number) => {
    await clock.advance(seconds)
    return { told: told.splice(0), price: price(), readAt: file.readAt().toISOString().slice(14, 19) }
  }
  expect(await after(60)).toEqual({ told: [], price: 9000, readAt: '00:00' })
  put(sample.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: 9100'))
  expect(await after(5)).toEqual({ told: ['changed'], price: 9100, readAt: '01:05' })
  put(BROKEN)
  const refused = 'InvalidCatalogue tiers.standard.pricePaisePerHour:'
  expect(await after(60)).toEqual({ told: [refused], price: 9100, readAt: '01:05' })
  remove()
  expect(await after(60)).toEqual({ told: [], price: 9100, readAt: '01:05' })
  put(BROKEN.replace('ninety', 'a hundred'))
  expect(await after(60)).toEqual({ told: [refused], price: 9100, readAt: '01:05' })
  put(sample)
  expect(await after(5)).toEqual({ told: ['changed'], price: 9000, readAt: '04:10' })
  end.abort()
  await running
})
