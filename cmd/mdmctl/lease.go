package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// everyGroup stands for the groups without a lease of their own.
const everyGroup = "*"

func listLeases(ctx context.Context, c *client) ([]*wipev1.GroupLease, error) {
	r, err := c.requests.ListLeases(ctx, &wipev1.ListLeasesRequest{})
	return r.GetLeases(), err
}

func (a *app) getLeases() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "leases [GROUP...]",
		Aliases: []string{"lease"},
		Short:   "How long phones may be out of contact before they lock, then wipe, their work side",
		Long: "How long phones may be out of contact before they lock, then wipe, their work side\n" +
			"by themselves. The group * is of all without a lease of their own.",
	}
	a.completeArgs(cmd, groupNames)
	return getListing(a, listing[*wipev1.GroupLease]{
		cmd:  cmd,
		view: func(a *app) view[*wipev1.GroupLease] { return leasesView(a.now()) },
		list: func(ctx context.Context, c *client, _ page) ([]*wipev1.GroupLease, string, error) {
			list, err := listLeases(ctx, c)
			return list, "", err
		},
	})
}

func leasesView(now time.Time) view[*wipev1.GroupLease] {
	type l = *wipev1.GroupLease
	group := func(m l) string {
		if m.GetGroup() == "" {
			return everyGroup
		}
		return m.GetGroup()
	}
	return view[l]{kind: "lease", name: group, columns: []column[l]{
		{"GROUP", false, group},
		{"LOCKS-AFTER", false, func(m l) string { return orNever(m.GetLease().GetLockAfter()) }},
		{"WIPES-AFTER", false, func(m l) string { return orNever(m.GetLease().GetWipeAfter()) }},
		{"SET", false, func(m l) string { return age(m.GetSetAt(), now) }},
		{"BY", false, l.GetSetBy},
		{"NUMBER", true, func(m l) string { return strconv.FormatUint(m.GetLease().GetNumber(), 10) }},
	}}
}

// never is a duration without an end, as it is written and read.
const never = "never"

func orNever(d *durationpb.Duration) string {
	if d == nil {
		return never
	}
	return exact(d)
}

// silence is how long a device may be out of contact: a lifetime, or never an end
// to it.
type silence struct{ lifetime }

// Set implements pflag.Value.
func (s *silence) Set(text string) error {
	if text == never {
		s.lifetime = 0
		return nil
	}
	if err := s.lifetime.Set(text); err != nil {
		return fmt.Errorf("want a time such as 30d, or never")
	}
	return nil
}

func (s *silence) wire() *durationpb.Duration {
	if s.lifetime == 0 {
		return nil
	}
	return durationpb.New(time.Duration(s.lifetime))
}

func (a *app) setLease() *cobra.Command {
	in := &wipev1.SetLeaseRequest{}
	var lock, wipe silence
	cmd := &cobra.Command{
		Use:     "lease",
		Aliases: []string{"leases"},
		Short:   "Set how long phones may be out of contact before they lock, then wipe, their work side",
		Long: "Set how long the phones of a group may be out of contact before they lock, then\n" +
			"wipe, their work side by themselves. What is not named stays as it is for the\n" +
			"group, or never happens where it has no lease of its own. A longer lease, or none,\n" +
			"holds at once; a shorter one, and the first that wipes, waits for a second person.",
		Example: `  mdmctl set lease --lock-after 30d --wipe-after 90d --reason "policy 7"
  mdmctl set lease --group field --wipe-after never --reason "weeks at sea"`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Group, "group", "", "of this group (default every group without one of its own)")
	flags.Var(&lock, "lock-after", "without contact for this long the work side locks, 1d to 365d, or never")
	flags.Var(&wipe, "wipe-after", "without contact for this long it is wiped, 7d to 730d, or never")
	cmd.MarkFlagsOneRequired("lock-after", "wipe-after")
	addReason(cmd, &in.Reason)
	addRequestKey(cmd, &in.RequestKey)
	completeFlag(cmd, "group", a.ask(groupNames))
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		leases, err := listLeases(ctx, c)
		if err != nil {
			return err
		}
		for _, l := range leases {
			if l.GetGroup() == in.GetGroup() {
				in.LockAfter, in.WipeAfter = l.GetLease().GetLockAfter(), l.GetLease().GetWipeAfter()
			}
		}
		if flags.Changed("lock-after") {
			in.LockAfter = lock.wire()
		}
		if flags.Changed("wipe-after") {
			in.WipeAfter = wipe.wire()
		}
		in.RequestKey = requestKey(in.GetRequestKey())
		r, err := c.requests.SetLease(ctx, in)
		if err != nil {
			return err
		}
		return a.tellRequest(r.GetRequest())
	})
	return cmd
}

// leaseRun is how far the lease of one device has run. The answer does not say
// of which.
type leaseRun struct {
	*wipev1.GetLeaseStatusResponse
	device string
}

func getLeaseStatus(ctx context.Context, c *client, id string) (*wipev1.GetLeaseStatusResponse, error) {
	return c.requests.GetLeaseStatus(ctx, &wipev1.GetLeaseStatusRequest{DeviceId: id})
}

func (a *app) getLeaseStatuses() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "lease-status DEVICE...",
		Aliases: []string{"lease-statuses"},
		Short:   "How far the lease of devices has run",
		Long: "How far the lease of devices has run. The server sees no more than that a device\n" +
			"is silent: what it has done by itself is presumed, and never shown as done. JSON\n" +
			"and YAML do not name the device: they keep the order of the arguments.",
		Args:        someNames,
		Annotations: map[string]string{kindKey: "device"},
	}
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, names []string) error {
		var items []leaseRun
		for _, name := range names {
			r, err := getLeaseStatus(ctx, c, name)
			if err != nil {
				return wrapped(err, "device", name)
			}
			items = append(items, leaseRun{r, name})
		}
		if len(items) == 1 {
			return showOne(a, leaseRunView(a.now()), items[0])
		}
		return showList(a, leaseRunView(a.now()), items)
	})
	return cmd
}

func leaseRunView(now time.Time) view[leaseRun] {
	device := func(m leaseRun) string { return m.device }
	return view[leaseRun]{kind: "lease-status", name: device, columns: []column[leaseRun]{
		{"DEVICE", false, device},
		{"STANDING", false, func(m leaseRun) string { return leaseStanding(m.GetStanding()) }},
		{"CONTACT", false, func(m leaseRun) string { return age(m.GetLastContact(), now) }},
		{"LOCKS", false, func(m leaseRun) string { return due(m.GetLocksAt(), now) }},
		{"WIPES", false, func(m leaseRun) string { return due(m.GetWipesAt(), now) }},
		{"ORDER", true, func(m leaseRun) string { return m.GetOrderId() }},
		{"NUMBER", true, func(m leaseRun) string {
			if m.GetHeld() == nil {
				return ""
			}
			return strconv.FormatUint(m.GetHeld().GetNumber(), 10)
		}},
	}}
}

// leaseStanding says in plain words what silence is taken for. What is presumed
// is called so.
func leaseStanding(s wipev1.LeaseStanding) string {
	switch s {
	case wipev1.LeaseStanding_LEASE_STANDING_NONE:
		return "no lease"
	case wipev1.LeaseStanding_LEASE_STANDING_HELD:
		return "heard of in time"
	case wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_LOCKED:
		return "presumed locked by lease, unconfirmed"
	case wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED:
		return "presumed wiped by lease, unconfirmed"
	default:
		return enumname.Of(s)
	}
}

// leaseSheet is what the description of a device says of its lease.
func leaseSheet(s *sheet, m *wipev1.GetLeaseStatusResponse, now time.Time) error {
	if m == nil || m.GetStanding() <= wipev1.LeaseStanding_LEASE_STANDING_NONE {
		s.field("Standing", "no lease: it may be out of contact for as long as it likes")
		return nil
	}
	s.field("Standing", leaseStanding(m.GetStanding()))
	s.field("Contact", moment(m.GetLastContact(), now))
	s.field("Locks", moment(m.GetLocksAt(), now))
	s.field("Wipes", moment(m.GetWipesAt(), now))
	s.field("Order", m.GetOrderId())
	return nil
}
