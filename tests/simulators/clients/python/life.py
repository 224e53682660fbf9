"""One life of a machine by Azure's SDK for Python: spot, evicted, on-demand on the same disk, resized, gone.

Where to go comes from the environment; what was seen is printed as one line of JSON.
"""

import json
import os
import time

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import WorkloadIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient

ENDPOINT = os.environ["AZURE_ENDPOINT"]
SUBSCRIPTION = os.environ["AZURE_SUBSCRIPTION_ID"]
GROUP = os.environ["AZURE_RESOURCE_GROUP"]
REGION = os.environ["AZURE_REGION"]
IMAGE = os.environ["AZURE_IMAGE"]
CA = os.environ["AZURE_CA"]
# The simulated Azure is fast: a poller that waits for its usual seconds would only make the test slow.
POLLING_SECONDS = 0.1

credential = WorkloadIdentityCredential(
    tenant_id=os.environ["AZURE_TENANT_ID"],
    client_id=os.environ["AZURE_CLIENT_ID"],
    token_file_path=os.environ["AZURE_FEDERATED_TOKEN_FILE"],
    authority=ENDPOINT,
    disable_instance_discovery=True,
    connection_verify=CA,
)
options = {
    "base_url": ENDPOINT,
    "credential_scopes": ["https://management.azure.com/.default"],
    "connection_verify": CA,
    "polling_interval": POLLING_SECONDS,
    "retry_total": 0,
}
compute = ComputeManagementClient(credential, SUBSCRIPTION, **options)
network = NetworkManagementClient(credential, SUBSCRIPTION, **options)
machines = compute.virtual_machines


def power_state(name):
    statuses = machines.instance_view(GROUP, name).statuses or []
    return next((one.code for one in statuses if one.code.startswith("PowerState/")), None)


def code_of(refused):
    try:
        refused()
    except HttpResponseError as error:
        return [error.status_code, error.error.code if error.error else None]
    return "accepted"


def address():
    return network.public_ip_addresses.begin_create_or_update(
        GROUP,
        "python-ip",
        {
            "location": REGION,
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
            "tags": {"made-by": "python"},
        },
    ).result()


def interface(ip):
    subnet = network.subnets.get(GROUP, "play", "vms")
    return network.network_interfaces.begin_create_or_update(
        GROUP,
        "python-nic",
        {
            "location": REGION,
            "properties": {
                "ipConfigurations": [
                    {"name": "primary", "properties": {"subnet": {"id": subnet.id}, "publicIPAddress": {"id": ip.id}}}
                ]
            },
        },
    ).result()


def machine(nic, properties):
    hardware = {"vmSize": "Standard_NV6ads_A10_v5"}
    nics = {"networkInterfaces": [{"id": nic.id, "properties": {"deleteOption": "Detach", "primary": True}}]}
    return {"location": REGION, "properties": {"hardwareProfile": hardware, "networkProfile": nics, **properties}}


def spot(nic):
    return machine(
        nic,
        {
            "priority": "Spot",
            "evictionPolicy": "Deallocate",
            "billingProfile": {"maxPrice": -1},
            "osProfile": {"computerName": "python", "adminUsername": "player", "adminPassword": "Not-4-real-use"},
            "storageProfile": {
                "imageReference": {"id": IMAGE},
                "osDisk": {"name": "python-os", "createOption": "FromImage", "deleteOption": "Detach"},
            },
        },
    )


def regular(nic, disk):
    os_disk = {"createOption": "Attach", "osType": "Windows", "managedDisk": {"id": disk.id}, "deleteOption": "Detach"}
    return machine(nic, {"priority": "Regular", "storageProfile": {"osDisk": os_disk}})


def life():
    seen = {}
    ip = address()
    nic = interface(ip)
    first = machines.begin_create_or_update(GROUP, "python-vm", spot(nic)).result()
    seen["created"] = [first.properties.provisioning_state, first.properties.priority, power_state("python-vm")]
    seen["listed"] = sorted(one.name for one in machines.list_all(status_only="true"))
    converted = spot(nic)
    converted["properties"].update(priority="Regular", evictionPolicy=None, billingProfile=None)
    seen["conversion"] = code_of(lambda: machines.begin_create_or_update(GROUP, "python-vm", converted).result())

    machines.simulate_eviction(GROUP, "python-vm")
    while power_state("python-vm") != "PowerState/deallocated":
        time.sleep(POLLING_SECONDS)
    seen["evicted"] = power_state("python-vm")

    machines.begin_delete(GROUP, "python-vm").result()
    disk = compute.disks.get(GROUP, "python-os")
    seen["disk"] = disk.properties.disk_state
    second = machines.begin_create_or_update(
        GROUP, "python-vm-2", regular(nic, disk), match_condition=None, headers={"If-None-Match": "*"}
    ).result()
    seen["rescued"] = [second.properties.priority, power_state("python-vm-2")]
    again = network.public_ip_addresses.get(GROUP, "python-ip")
    is_same_address = again.properties.ip_address == ip.properties.ip_address
    seen["kept"] = [is_same_address, second.properties.vm_id != first.properties.vm_id]

    machines.begin_deallocate(GROUP, "python-vm-2").result()
    size = {"properties": {"hardwareProfile": {"vmSize": "Standard_NV12ads_A10_v5"}}}
    machines.begin_update(GROUP, "python-vm-2", size).result()
    machines.begin_start(GROUP, "python-vm-2").result()
    resized = machines.get(GROUP, "python-vm-2", expand="instanceView")
    seen["resized"] = [resized.properties.hardware_profile.vm_size, power_state("python-vm-2")]

    used = {one.name.value: one.current_value for one in compute.usage.list(REGION)}
    seen["cores"] = used["cores"]
    unknown = spot(nic)
    unknown["properties"]["hardwareProfile"] = {"vmSize": "Standard_Abacus_v1"}
    seen["unknownSize"] = code_of(lambda: machines.begin_create_or_update(GROUP, "python-no", unknown).result())

    machines.begin_delete(GROUP, "python-vm-2").result()
    network.network_interfaces.begin_delete(GROUP, "python-nic").result()
    network.public_ip_addresses.begin_delete(GROUP, "python-ip").result()
    compute.disks.begin_delete(GROUP, "python-os").result()
    try:
        machines.get(GROUP, "python-vm-2")
    except ResourceNotFoundError as error:
        seen["gone"] = [error.status_code, error.error.code]
    return seen


print(json.dumps(life()))
