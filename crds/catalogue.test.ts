import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CatalogueError, parseCatalogue } from './catalogue.ts'

const sample = readFileSync(new URL('../manifests/catalogue.yaml', import.meta.url), 'utf8')

test('the sample is a catalogue with several games, tiers, and regions in India and Europe', () => {
  const { games, tiers, regions } = parseCatalogue(sample)
  expect(Object.keys(games).length).toBeGreaterThan(2)
  expect(Object.keys(tiers).length).toBeGreaterThan(2)
  expect(Object.keys(regions)).toEqual(['centralindia', 'southindia', 'westeurope', 'northeurope'])
  expect(regions.northeurope?.zones).toEqual(['1', '2', '3'])
  expect(regions.southindia?.zones).toBeUndefined()
})

/** What the error says, line by line, after the sample is changed. */
function faults(change: (text: string) => string): string[] {
  try {
    parseCatalogue(change(sample), 'catalogue.yaml')
  } catch (error) {
    if (error instanceof CatalogueError) return error.message.split('\n')
    throw error
  }
  return []
}

/** The number of the first line that contains `part`, as a person's editor counts. */
function lineOf(part: string): number {
  return sample.split('\n').findIndex(line => line.includes(part)) + 1
}

test.each([
  {
    wrong: 'a price that is no whole number of paise',
    change: (text: string) => text.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: 90.5'),
    line: lineOf('pricePaisePerHour: 9000'),
    says: /tiers\.standard\.pricePaisePerHour/,
  },
  {
    wrong: 'a tier that no game can have',
    change: (text: string) => text.replace('tiers: [light, standard]', 'tiers: [lite, standard]'),
    line: lineOf('tiers: [light, standard]'),
    says: /no such tier lite; known are light, standard, ultra/,
  },
  {
    wrong: 'a size that is not described',
    change: (text: string) => text.replace('sizes: [Standard_NV36ads_A10_v5', 'sizes: [Standard_NV72ads_A10_v5'),
    line: lineOf('sizes: [Standard_NV36ads_A10_v5'),
    says: /no such size Standard_NV72ads_A10_v5; known are/,
  },
  {
    wrong: 'a misspelt key',
    change: (text: string) => text.replace('    probeCIDRs:', '    probeCidrs:'),
    line: lineOf('  centralindia:'),
    says: /regions\.centralindia/,
  },
  {
    wrong: 'an image that is no gallery image version',
    change: (text: string) => text.replace('/versions/1.0.0', ''),
    line: lineOf('/versions/1.0.0'),
    says: /resource id of a Microsoft\.Compute\/galleries\/images\/versions/,
  },
  ...[
    { zones: '[1, 2]', says: /zones\.0: an availability zone is '1', '2' or '3', in quotes/ },
    { zones: "['4']", says: /zones\.0: an availability zone is '1', '2' or '3'/ },
    { zones: "['1', '1']", says: /zones: each zone is named once/ },
    { zones: '[]', says: /zones: name one zone at least, or leave zones out/ },
    { zones: "'1'", says: /zones: a list of availability zones is expected, such as \['1', '2', '3'\]/ },
  ].map(({ zones, says }) => ({
    wrong: `zones: ${zones}`,
    change: (text: string) => text.replace("zones: ['1', '2', '3']", `zones: ${zones}`),
    line: lineOf("zones: ['1', '2', '3']"),
    says,
  })),
])('$wrong is refused, by file, line and path', ({ change, line, says }) => {
  const told = faults(change)
  expect(told.length).toBeGreaterThan(0)
  expect(told.join('\n')).toMatch(says)
  expect(Math.abs(Number(told[0]?.split(':')[1]) - line)).toBeLessThanOrEqual(1)
})

test('everything that is wrong is told at once', () => {
  const told = faults(text => text.replace('osType: Windows', 'osType: BeOS').replace('vcpus: 6 ', 'vcpus: none '))
  expect(told).toHaveLength(2)
})

test('text that is no YAML is refused by line, not with a stack', () => {
  expect(faults(() => 'games: [')[0]).toMatch(/^catalogue\.yaml: .*line/)
})
