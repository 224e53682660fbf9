// One life of a machine by Azure's SDK for Go: spot, evicted, on-demand on the same disk, resized, gone. Where to go comes
// from the environment; what was seen is printed as one line of JSON.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"
)

var (
	endpoint = os.Getenv("AZURE_ENDPOINT")
	group    = os.Getenv("AZURE_RESOURCE_GROUP")
	region   = os.Getenv("AZURE_REGION")
	image    = os.Getenv("AZURE_IMAGE")
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seen, err := life(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(seen)
}

type clients struct {
	machines   *armcompute.VirtualMachinesClient
	disks      *armcompute.DisksClient
	usage      *armcompute.UsageClient
	addresses  *armnetwork.PublicIPAddressesClient
	interfaces *armnetwork.InterfacesClient
	subnets    *armnetwork.SubnetsClient
}

func connect() (*clients, error) {
	pem, err := os.ReadFile(os.Getenv("AZURE_CA"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	common := policy.ClientOptions{
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: endpoint,
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Audience: "https://management.azure.com", Endpoint: endpoint},
			},
		},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Transport: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}
	credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: common, DisableInstanceDiscovery: true,
	})
	if err != nil {
		return nil, err
	}
	// Resource providers are not modelled: asking to register one has no answer.
	options := &arm.ClientOptions{ClientOptions: common, DisableRPRegistration: true}
	subscription := os.Getenv("AZURE_SUBSCRIPTION_ID")
	compute, err := armcompute.NewClientFactory(subscription, credential, options)
	if err != nil {
		return nil, err
	}
	network, err := armnetwork.NewClientFactory(subscription, credential, options)
	if err != nil {
		return nil, err
	}
	return &clients{
		machines:   compute.NewVirtualMachinesClient(),
		disks:      compute.NewDisksClient(),
		usage:      compute.NewUsageClient(),
		addresses:  network.NewPublicIPAddressesClient(),
		interfaces: network.NewInterfacesClient(),
		subnets:    network.NewSubnetsClient(),
	}, nil
}

// The simulated Azure is fast: a poller that waits for its usual seconds would only make the test slow. The SDK's own loop
// (PollUntilDone) takes no less than a second between two looks.
func done[T any](ctx context.Context) func(*runtime.Poller[T], error) (T, error) {
	return func(poller *runtime.Poller[T], err error) (T, error) {
		if err != nil {
			var nothing T
			return nothing, err
		}
		for !poller.Done() {
			if _, err := poller.Poll(ctx); err != nil {
				break // A failure is the result.
			}
			time.Sleep(10 * time.Millisecond)
		}
		return poller.Result(ctx)
	}
}

func codeOf(err error) []any {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return []any{refused.StatusCode, refused.ErrorCode}
	}
	return []any{fmt.Sprint(err)}
}

func life(ctx context.Context) (map[string]any, error) {
	azure, err := connect()
	if err != nil {
		return nil, err
	}
	seen := map[string]any{}

	ip, err := done[armnetwork.PublicIPAddressesClientCreateOrUpdateResponse](ctx)(azure.addresses.BeginCreateOrUpdate(ctx, group, "go-ip", armnetwork.PublicIPAddress{
		Location: to.Ptr(region),
		SKU:      &armnetwork.PublicIPAddressSKU{Name: to.Ptr(armnetwork.PublicIPAddressSKUNameStandard)},
		Properties: &armnetwork.PublicIPAddressPropertiesFormat{
			PublicIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodStatic),
		},
	}, nil))
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	subnet, err := azure.subnets.Get(ctx, group, "play", "vms", nil)
	if err != nil {
		return nil, fmt.Errorf("subnet: %w", err)
	}
	nic, err := done[armnetwork.InterfacesClientCreateOrUpdateResponse](ctx)(azure.interfaces.BeginCreateOrUpdate(ctx, group, "go-nic", armnetwork.Interface{
		Location: to.Ptr(region),
		Properties: &armnetwork.InterfacePropertiesFormat{
			IPConfigurations: []*armnetwork.InterfaceIPConfiguration{{
				Name: to.Ptr("primary"),
				Properties: &armnetwork.InterfaceIPConfigurationPropertiesFormat{
					Subnet:          &armnetwork.Subnet{ID: subnet.ID},
					PublicIPAddress: &armnetwork.PublicIPAddress{ID: ip.ID},
				},
			}},
		},
	}, nil))
	if err != nil {
		return nil, fmt.Errorf("interface: %w", err)
	}

	first, err := azure.put(ctx, "go-vm", spot(nic.ID, "Standard_NV6ads_A10_v5"))
	if err != nil {
		return nil, fmt.Errorf("spot machine: %w", err)
	}
	state, err := azure.powerState(ctx, "go-vm")
	if err != nil {
		return nil, err
	}
	seen["created"] = []any{first.Properties.ProvisioningState, first.Properties.Priority, state}
	if seen["listed"], err = azure.names(ctx); err != nil {
		return nil, err
	}
	_, err = azure.put(ctx, "go-vm", regularFrom(spot(nic.ID, "Standard_NV6ads_A10_v5")))
	seen["conversion"] = codeOf(err)

	if _, err = azure.machines.SimulateEviction(ctx, group, "go-vm", nil); err != nil {
		return nil, fmt.Errorf("eviction: %w", err)
	}
	for state != "PowerState/deallocated" {
		time.Sleep(100 * time.Millisecond)
		if state, err = azure.powerState(ctx, "go-vm"); err != nil {
			return nil, err
		}
	}
	seen["evicted"] = state

	if _, err = done[armcompute.VirtualMachinesClientDeleteResponse](ctx)(azure.machines.BeginDelete(ctx, group, "go-vm", nil)); err != nil {
		return nil, fmt.Errorf("deletion: %w", err)
	}
	disk, err := azure.disks.Get(ctx, group, "go-os", nil)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	seen["disk"] = disk.Properties.DiskState
	second, err := azure.put(ctx, "go-vm-2", attached(nic.ID, disk.ID))
	if err != nil {
		return nil, fmt.Errorf("on-demand machine: %w", err)
	}
	if state, err = azure.powerState(ctx, "go-vm-2"); err != nil {
		return nil, err
	}
	seen["rescued"] = []any{second.Properties.Priority, state}
	again, err := azure.addresses.Get(ctx, group, "go-ip", nil)
	if err != nil {
		return nil, err
	}
	seen["kept"] = []any{*again.Properties.IPAddress == *ip.Properties.IPAddress, *second.Properties.VMID != *first.Properties.VMID}

	if err = azure.resize(ctx, "go-vm-2", "Standard_NV12ads_A10_v5"); err != nil {
		return nil, fmt.Errorf("resize: %w", err)
	}
	resized, err := azure.machines.Get(ctx, group, "go-vm-2", nil)
	if err != nil {
		return nil, err
	}
	if state, err = azure.powerState(ctx, "go-vm-2"); err != nil {
		return nil, err
	}
	seen["resized"] = []any{resized.Properties.HardwareProfile.VMSize, state}
	if seen["cores"], err = azure.cores(ctx); err != nil {
		return nil, err
	}
	_, err = azure.put(ctx, "go-no", spot(nic.ID, "Standard_Abacus_v1"))
	seen["unknownSize"] = codeOf(err)

	if err = azure.clear(ctx); err != nil {
		return nil, fmt.Errorf("clearing up: %w", err)
	}
	_, err = azure.machines.Get(ctx, group, "go-vm-2", nil)
	seen["gone"] = codeOf(err)
	return seen, nil
}

func (azure *clients) put(ctx context.Context, name string, machine armcompute.VirtualMachine) (armcompute.VirtualMachinesClientCreateOrUpdateResponse, error) {
	return done[armcompute.VirtualMachinesClientCreateOrUpdateResponse](ctx)(azure.machines.BeginCreateOrUpdate(ctx, group, name, machine, nil))
}

func (azure *clients) powerState(ctx context.Context, name string) (string, error) {
	view, err := azure.machines.InstanceView(ctx, group, name, nil)
	if err != nil {
		return "", fmt.Errorf("instance view of %s: %w", name, err)
	}
	for _, status := range view.Statuses {
		if strings.HasPrefix(*status.Code, "PowerState/") {
			return *status.Code, nil
		}
	}
	return "", nil
}

func (azure *clients) names(ctx context.Context) ([]string, error) {
	names := []string{}
	pages := azure.machines.NewListAllPager(&armcompute.VirtualMachinesClientListAllOptions{StatusOnly: to.Ptr("true")})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, machine := range page.Value {
			names = append(names, *machine.Name)
		}
	}
	sort.Strings(names)
	return names, nil
}

func (azure *clients) resize(ctx context.Context, name string, size string) error {
	if _, err := done[armcompute.VirtualMachinesClientDeallocateResponse](ctx)(azure.machines.BeginDeallocate(ctx, group, name, nil)); err != nil {
		return err
	}
	change := armcompute.VirtualMachineUpdate{Properties: &armcompute.VirtualMachineProperties{
		HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypes(size))},
	}}
	if _, err := done[armcompute.VirtualMachinesClientUpdateResponse](ctx)(azure.machines.BeginUpdate(ctx, group, name, change, nil)); err != nil {
		return err
	}
	_, err := done[armcompute.VirtualMachinesClientStartResponse](ctx)(azure.machines.BeginStart(ctx, group, name, nil))
	return err
}

func (azure *clients) cores(ctx context.Context) (int32, error) {
	pages := azure.usage.NewListPager(region, nil)
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, usage := range page.Value {
			if *usage.Name.Value == "cores" {
				return *usage.CurrentValue, nil
			}
		}
	}
	return 0, errors.New("no usage is called cores")
}

func (azure *clients) clear(ctx context.Context) error {
	_, err := done[armcompute.VirtualMachinesClientDeleteResponse](ctx)(azure.machines.BeginDelete(ctx, group, "go-vm-2", nil))
	if err != nil {
		return err
	}
	if _, err = done[armnetwork.InterfacesClientDeleteResponse](ctx)(azure.interfaces.BeginDelete(ctx, group, "go-nic", nil)); err != nil {
		return err
	}
	if _, err = done[armnetwork.PublicIPAddressesClientDeleteResponse](ctx)(azure.addresses.BeginDelete(ctx, group, "go-ip", nil)); err != nil {
		return err
	}
	_, err = done[armcompute.DisksClientDeleteResponse](ctx)(azure.disks.BeginDelete(ctx, group, "go-os", nil))
	return err
}

func spot(nic *string, size string) armcompute.VirtualMachine {
	machine := on(nic, size)
	machine.Properties.Priority = to.Ptr(armcompute.VirtualMachinePriorityTypesSpot)
	machine.Properties.EvictionPolicy = to.Ptr(armcompute.VirtualMachineEvictionPolicyTypesDeallocate)
	machine.Properties.BillingProfile = &armcompute.BillingProfile{MaxPrice: to.Ptr(float64(-1))}
	machine.Properties.OSProfile = &armcompute.OSProfile{
		ComputerName: to.Ptr("go"), AdminUsername: to.Ptr("player"), AdminPassword: to.Ptr("Not-4-real-use"),
	}
	machine.Properties.StorageProfile = &armcompute.StorageProfile{
		ImageReference: &armcompute.ImageReference{ID: to.Ptr(image)},
		OSDisk: &armcompute.OSDisk{
			Name:         to.Ptr("go-os"),
			CreateOption: to.Ptr(armcompute.DiskCreateOptionTypesFromImage),
			DeleteOption: to.Ptr(armcompute.DiskDeleteOptionTypesDetach),
		},
	}
	return machine
}

func regularFrom(machine armcompute.VirtualMachine) armcompute.VirtualMachine {
	machine.Properties.Priority = to.Ptr(armcompute.VirtualMachinePriorityTypesRegular)
	machine.Properties.EvictionPolicy = nil
	machine.Properties.BillingProfile = nil
	return machine
}

func attached(nic *string, disk *string) armcompute.VirtualMachine {
	machine := on(nic, "Standard_NV6ads_A10_v5")
	machine.Properties.Priority = to.Ptr(armcompute.VirtualMachinePriorityTypesRegular)
	machine.Properties.StorageProfile = &armcompute.StorageProfile{OSDisk: &armcompute.OSDisk{
		CreateOption: to.Ptr(armcompute.DiskCreateOptionTypesAttach),
		OSType:       to.Ptr(armcompute.OperatingSystemTypesWindows),
		ManagedDisk:  &armcompute.ManagedDiskParameters{ID: disk},
		DeleteOption: to.Ptr(armcompute.DiskDeleteOptionTypesDetach),
	}}
	return machine
}

func on(nic *string, size string) armcompute.VirtualMachine {
	return armcompute.VirtualMachine{
		Location: to.Ptr(region),
		Properties: &armcompute.VirtualMachineProperties{
			HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypes(size))},
			NetworkProfile: &armcompute.NetworkProfile{NetworkInterfaces: []*armcompute.NetworkInterfaceReference{{
				ID: nic,
				Properties: &armcompute.NetworkInterfaceReferenceProperties{
					DeleteOption: to.Ptr(armcompute.DeleteOptionsDetach), Primary: to.Ptr(true),
				},
			}}},
		},
	}
}
