import { expect, test } from 'vitest'
import * as names from './names.ts'

const uid = '5f0c8f7e-0d5b-4c57-9f6c-2a7f6d5f7a01'

test("every name follows from the UID; the VM's alone changes with the incarnation", () => {
  expect(names.virtualMachineName(uid, 1)).not.toBe(names.virtualMachineName(uid, 2))
  const all = [
    names.publicIPAddressName(uid),
    names.networkInterfaceName(uid),
    names.networkSecurityGroupName(uid),
    names.osDiskName(uid),
    names.dataDiskName(uid, 'a'.repeat(20)),
    names.virtualMachineName(uid, 2_147_483_647),
  ]
  expect(new Set(all).size).toBe(all.length)
  // The narrowest of Azure's rules: 64 characters for a Linux VM, 80 for the others.
  for (const name of all) expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,78}[a-z0-9]$/)
  expect(names.virtualMachineName(uid, 2_147_483_647).length).toBeLessThanOrEqual(64)
})

test("a resource's name tells the UID, in whatever case Azure gives it back, and so does its id; a stranger's does not", () => {
  for (const name of [names.virtualMachineName(uid, 3), names.osDiskName(uid).toUpperCase()])
    for (const one of [name, `/subscriptions/s/resourceGroups/gvm-rg/x/${name}?api-version=1`])
      expect(names.uidIn(one)).toBe(uid)
  expect(names.uidIn('web-server-1')).toBeUndefined()
})

test('everything is tagged with its installation and owner, and with its player where there is one', () => {
  const owner = { installationId: 'blue', namespace: 'play', name: 'solo', uid, player: undefined }
  expect(names.tagsOf(owner)).toEqual({
    'wasd-installation': 'blue',
    'wasd-namespace': 'play',
    'wasd-name': 'solo',
    'wasd-uid': uid,
  })
  expect(names.tagsOf({ ...owner, player: 'kasparov' })).toMatchObject({ 'wasd-player': 'kasparov' })
})
