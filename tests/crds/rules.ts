// What each CEL rule lets through and what it refuses. A rule without a case here fails the test, and so does a case
// whose rule is gone.

interface ValueRule {
  accepted: string[]
  refused: string[]
  permitted: string
  /** Characters of the longest value that it lets through; absent where it bounds none. */
  longest?: number
}

const DISK = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d'

/** Rules about one value, by their text, wherever they stand. */
export const valueRules: Record<string, ValueRule> = {
  "self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')": name(63),
  "self.matches('^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$')": name(40),
  "self.matches('^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$')": name(20),
  "self.matches('^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$')": {
    accepted: ['boot', '7', 'boot.v2', 'a'.repeat(253)],
    refused: ['', 'Boot', 'boot_1', '.boot', 'boot-', 'a'.repeat(254)],
    permitted:
      "must be the name of a Secret, 1 to 253 lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    longest: 253,
  },
  "self.matches('^[a-z0-9]{1,20}$')": {
    accepted: ['centralindia', 'westus2', 'a'.repeat(20)],
    refused: ['', 'Central India', 'central-india', 'a'.repeat(21)],
    permitted: 'must be the short name of an Azure region, 1 to 20 lower-case letters and digits such as centralindia',
    longest: 20,
  },
  "self.matches('^(0|[1-9][0-9]{0,3})([.][0-9]{1,5})?$')": {
    accepted: ['0', '0.95', '3', '9999.99999'],
    refused: ['', '1,5', '.5', '1.', '-1', '01', '10000', '0.123456', '9999.999999', '1e3', '$1'],
    permitted: 'must be US dollars per hour from 0 to 9999.99999 with a decimal point, such as 0.95',
    longest: 10,
  },
  "self.matches('^Standard_[A-Za-z0-9_]{1,55}$')": {
    accepted: ['Standard_NC4as_T4_v3', 'Standard_'.padEnd(64, 'a')],
    refused: ['', 'NC4as_T4_v3', 'standard_NC4as_T4_v3', 'Standard_', 'Standard_NC4 v3', 'Standard_'.padEnd(65, 'a')],
    permitted: 'must be the name of an Azure VM size, such as Standard_NV12ads_A10_v5, of at most 64 characters',
    longest: 64,
  },
  "self.matches('^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$')": {
    accepted: ['Running', 'A', 'Azure_Error2'],
    refused: ['', 'is running', '2nd', 'Running.'],
    permitted: "must be one word of letters, digits and '_', such as CapacityRefused",
  },
  "self.matches('(?i)^/subscriptions/[-0-9a-z]{1,36}/resourceGroups/[^/]{1,90}/providers/Microsoft.Compute/disks/[^/]{1,80}$')":
    {
      accepted: [DISK, DISK.toUpperCase(), DISK.replace(/d$/, 'd'.repeat(80))],
      refused: [
        '',
        'gvm-1-os',
        DISK.replace('disks', 'snapshots'),
        `${DISK}/x`,
        `${DISK}/`,
        DISK.replace(/d$/, 'd'.repeat(81)),
      ],
      permitted: 'must be the resource id of a Microsoft.Compute/disks, beginning with /subscriptions/',
      longest: 272,
    },
  'isCIDR(self)': {
    accepted: ['203.0.113.7/32', '0.0.0.0/0', '2001:db8::/48', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128'],
    refused: ['', '203.0.113.7', '203.0.113.7/33', '203.0.113/24', 'anywhere', '2001:db8::/048'],
    permitted: 'must be an address block in CIDR notation, such as 203.0.113.7/32',
    longest: 43,
  },
}

/** An object's field before and after; `undefined` is its absence. */
interface Move {
  from?: unknown
  to: unknown
}

/** Rules about a change, or about more than one value: by kind, place and text; then what moves at `at`. */
export const placeRules: Record<
  string,
  { at: string; accepted: Move[]; refused: (Move & { path: string; says: string })[] }
> = {
  'GameSession : self.metadata.name.size() <= 40': {
    at: 'metadata.name',
    accepted: [{ to: 'n'.repeat(40) }],
    refused: [
      {
        to: 'n'.repeat(41),
        path: 'metadata.name',
        says: `may have at most 40 characters, because the machine is named after it and the region; ${'n'.repeat(41)} has more`,
      },
    ],
  },
  'GpuVm : self.metadata.name.size() <= 63': {
    at: 'metadata.name',
    accepted: [{ to: 'n'.repeat(63) }],
    refused: [
      {
        to: 'n'.repeat(64),
        path: 'metadata.name',
        says: `may have at most 63 characters; ${'n'.repeat(64)} has more`,
      },
    ],
  },
  'GameSession spec: !has(oldSelf.paidSeconds) || has(self.paidSeconds)': {
    at: 'spec.paidSeconds',
    accepted: [
      { from: undefined, to: undefined },
      { from: undefined, to: 60 },
      { from: 600, to: 600 },
    ],
    refused: [
      {
        from: 600,
        to: undefined,
        path: 'spec.paidSeconds',
        says: 'Forbidden: paidSeconds cannot be removed once it is set, only raised; what was paid for cannot be taken back here',
      },
    ],
  },
  'GameSession spec.paidSeconds: self >= oldSelf': {
    at: 'spec.paidSeconds',
    accepted: [
      { from: 600, to: 600 },
      { from: 600, to: 1200 },
    ],
    refused: [
      {
        from: 600,
        to: 599,
        path: 'spec.paidSeconds',
        says: 'Invalid value: 599: paidSeconds only grows once it is set, and is 600; what was paid for cannot be taken back here',
      },
    ],
  },
  "GameSession spec.desiredState: oldSelf != 'Ended' || self == 'Ended'": {
    at: 'spec.desiredState',
    accepted: [
      { from: 'Running', to: 'Ended' },
      { from: 'Running', to: 'Paused' },
      { from: 'Paused', to: 'Running' },
      { from: 'Ended', to: 'Ended' },
    ],
    refused: ['Running', 'Paused'].map(to => ({
      from: 'Ended',
      to,
      path: 'spec.desiredState',
      says: `Invalid value: "${to}": a session that was told to end stays Ended; create a new GameSession to play again`,
    })),
  },
  'GameSession spec.player: self == oldSelf': immutable('spec.player', 'asha', 'omar', 'GameSession'),
  'GameSession spec.game: self == oldSelf': immutable('spec.game', 'neon-rally', 'star-caravan', 'GameSession'),
  'GameSession spec.tier: self == oldSelf': immutable('spec.tier', 'standard', 'premium', 'GameSession'),
  'GameSession spec.regions: self.all(r, self.exists_one(o, o == r))': {
    at: 'spec.regions',
    accepted: [{ to: ['centralindia'] }, { to: ['centralindia', 'southindia'] }],
    refused: [
      {
        to: ['southindia', 'centralindia', 'centralindia'],
        path: 'spec.regions',
        says: 'must name each region once; named twice is centralindia',
      },
    ],
  },
  'GpuVm spec: has(self.bootstrapSecretName) == has(oldSelf.bootstrapSecretName)': {
    at: 'spec.bootstrapSecretName',
    accepted: [
      { from: undefined, to: undefined },
      { from: 'boot', to: 'boot' },
    ],
    refused: [
      { from: undefined, to: 'boot' },
      { from: 'boot', to: undefined },
    ].map(move => ({
      ...move,
      path: 'spec.bootstrapSecretName',
      says: 'Forbidden: bootstrapSecretName is immutable and can neither be added nor removed; create a new GpuVm instead',
    })),
  },
  'GpuVm spec: has(self.zone) == has(oldSelf.zone)': {
    at: 'spec.zone',
    accepted: [
      { from: undefined, to: undefined },
      { from: '1', to: '1' },
    ],
    refused: [
      { from: undefined, to: '1' },
      { from: '1', to: undefined },
    ].map(move => ({
      ...move,
      path: 'spec.zone',
      says: 'Forbidden: zone can neither be added nor removed, because address and disks are made for zones or for none; create a new GpuVm instead',
    })),
  },
  "GpuVm spec: !has(self.zone) || !has(oldSelf.zone) || self.zone == oldSelf.zone || (oldSelf.disks.os.sku.endsWith('_ZRS') && (!has(oldSelf.disks.data) || oldSelf.disks.data.all(d, d.sku.endsWith('_ZRS'))))":
    {
      at: 'spec',
      accepted: [
        { from: inZone('1', 'StandardSSD_ZRS', 'Premium_ZRS'), to: inZone('2', 'StandardSSD_ZRS', 'Premium_ZRS') },
        { from: inZone('1', 'Premium_ZRS'), to: inZone('3', 'Premium_ZRS') },
        { from: inZone('1', 'StandardSSD_LRS'), to: inZone('1', 'StandardSSD_LRS') },
      ],
      refused: [
        ['StandardSSD_LRS'] as const,
        ['StandardSSD_LRS', 'StandardSSD_ZRS'] as const,
        ['StandardSSD_ZRS', 'StandardSSD_LRS'] as const,
      ].map(([os, data]) => ({
        from: inZone('1', os, data),
        to: inZone('2', os, data),
        path: 'spec.zone',
        says: 'zone stays 1, where the disks are, for only a machine whose disks are all zone-redundant (..._ZRS) can move; create a new GpuVm instead',
      })),
    },
  'GpuVm spec.region: self == oldSelf': immutable('spec.region', 'centralindia', 'southindia', 'GpuVm'),
  'GpuVm spec.image: self == oldSelf': immutable('spec.image', 'linux-nvidia', 'windows', 'GpuVm'),
  'GpuVm spec.bootstrapSecretName: self == oldSelf': immutable('spec.bootstrapSecretName', 'boot', 'other', 'GpuVm'),
  'GpuVm spec.disks.os: has(self.copyOf) == has(oldSelf.copyOf)': {
    at: 'spec.disks.os.copyOf',
    accepted: [
      { from: undefined, to: undefined },
      { from: DISK, to: DISK },
    ],
    refused: [
      { from: undefined, to: DISK },
      { from: DISK, to: undefined },
    ].map(move => ({
      ...move,
      path: 'spec.disks.os.copyOf',
      says: 'Forbidden: copyOf is immutable and can neither be added nor removed; create a new GpuVm instead',
    })),
  },
  'GpuVm spec.disks.os.copyOf: self == oldSelf': immutable('spec.disks.os.copyOf', DISK, `${DISK}2`, 'GpuVm'),
  'GpuVm spec.disks.os.sizeGiB: self == oldSelf': {
    at: 'spec.disks.os.sizeGiB',
    accepted: [
      { from: 64, to: 64 },
      { from: 128, to: undefined }, // The default is the same.
    ],
    refused: [
      {
        from: 128,
        to: 256,
        path: 'spec.disks.os.sizeGiB',
        says: 'Invalid value: 256: the OS disk is immutable and stays at 128 GiB; create a new GpuVm instead',
      },
    ],
  },
  'GpuVm spec.disks.os.sku: self == oldSelf': {
    at: 'spec.disks.os.sku',
    accepted: [{ from: 'Premium_LRS', to: 'Premium_LRS' }],
    refused: [
      {
        from: 'Premium_LRS',
        to: undefined, // The default is another.
        path: 'spec.disks.os.sku',
        says: 'Invalid value: "StandardSSD_LRS": the OS disk is immutable and stays Premium_LRS; create a new GpuVm instead',
      },
    ],
  },
  'GpuVm spec.disks: (has(self.data) ? self.data : []) == (has(oldSelf.data) ? oldSelf.data : [])': {
    at: 'spec.disks.data',
    accepted: [
      { from: undefined, to: [] },
      { from: [disk('a', 0), disk('b', 1)], to: [disk('b', 1), disk('a', 0)] },
    ],
    refused: [
      { from: undefined, to: [disk('a', 0)], stays: 0 },
      { from: [disk('a', 0)], to: undefined, stays: 1 },
      { from: [disk('a', 0), disk('b', 1)], to: [disk('a', 0)], stays: 2 },
      { from: [disk('a', 0)], to: [disk('a', 1)], stays: 1 },
    ].map(({ stays, ...move }) => ({
      ...move,
      path: 'spec.disks.data',
      says: `the data disks are immutable and stay the ${stays} that the machine was made with; create a new GpuVm instead`,
    })),
  },
  'GpuVm spec.disks.data: self.all(d, self.exists_one(o, o.lun == d.lun))': {
    at: 'spec.disks.data',
    accepted: [{ to: [] }, { to: [disk('a', 0), disk('b', 1)] }],
    refused: [
      {
        to: [disk('a', 0), disk('b', 3), disk('c', 3)],
        path: 'spec.disks.data',
        says: 'each data disk needs a lun of its own; taken twice is 3',
      },
    ],
  },
}

function name(longest: number): ValueRule {
  return {
    accepted: ['a', '7', 'neon-rally', 'a--b', 'a'.repeat(longest)],
    refused: ['', 'Asha', 'asha k', '-a', 'a-', 'a_b', 'ä', 'a\n', 'a'.repeat(longest + 1)],
    permitted: `must be 1 to ${longest} lower-case letters, digits and '-', beginning and ending with a letter or digit`,
    longest,
  }
}

function immutable(at: string, old: string, other: string, kind: string) {
  const field = at.split('.').at(-1)
  const says = `${field} is immutable and stays "${old}"; create a new ${kind} instead`
  return {
    at,
    accepted: [{ from: old, to: old }],
    refused: [{ from: old, to: other, path: at, says: `Invalid value: "${other}": ${says}` }],
  }
}

function disk(name: string, lun: number) {
  return { name, lun, sizeGiB: 32 }
}

/** A machine's spec with an OS disk and, where a kind of it is given, a data disk. */
function inZone(zone: string, os: string, data?: string) {
  const disks = { os: { sku: os }, ...(data !== undefined && { data: [{ ...disk('saves', 0), sku: data }] }) }
  return { region: 'centralindia', zone, size: 'Standard_NC4as_T4_v3', image: 'linux-nvidia', disks }
}
