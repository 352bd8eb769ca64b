package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/internal/enumname"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// matter is what is known of one request.
type matter struct {
	request *wipev1.WipeRequest
	devices []*wipev1.RequestedDevice
	// owners are the records of the first devices, as far as there are any.
	owners map[string]*enrollv1.Device
	orders []*wipev1.Order
}

func (a *app) describeRequest() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "request ID",
		Aliases: []string{"requests", "req"},
		Short:   "Tell all about a request: who asked, for which devices, what came of it",
		Long: "Tell all about a request. As JSON or YAML: the wire messages under request,\n" +
			"devices (all of them) and orders (the newest).",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	a.completeArgs(cmd, requestNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		m, err := inquire(ctx, c, args[0])
		if err != nil {
			return wrapped(err, "request", args[0])
		}
		if a.forPrograms() {
			return a.writeMatter(m)
		}
		return a.showMatter(&sheet{w: a.out}, m)
	})
	return cmd
}

func inquire(ctx context.Context, c *client, id string) (m matter, err error) {
	r, err := getRequest(ctx, c, id)
	if err != nil {
		return m, err
	}
	m = matter{request: r.GetRequest(), devices: r.GetDevices(), owners: map[string]*enrollv1.Device{}}
	for _, d := range m.devices[:min(recent, len(m.devices))] {
		owner, err := getDevice(ctx, c, d.GetDeviceId())
		switch {
		case status.Code(err) == codes.NotFound: // it is gone, or of a group that is not the caller's
		case err != nil:
			return m, err
		default:
			m.owners[d.GetDeviceId()] = owner
		}
	}
	m.orders, err = wipeListing(&wipev1.ListWipesRequest{RequestId: id}).all(ctx, c, recent)
	return m, err
}

func (a *app) writeMatter(m matter) error {
	request, err := wireJSON(m.request)
	if err != nil {
		return err
	}
	devices, err := wireList(m.devices)
	if err != nil {
		return err
	}
	orders, err := wireList(m.orders)
	if err != nil {
		return err
	}
	return a.writeData(struct {
		Request json.RawMessage   `json:"request"`
		Devices []json.RawMessage `json:"devices"`
		Orders  []json.RawMessage `json:"orders"`
	}{request, devices, orders})
}

func (a *app) showMatter(s *sheet, m matter) error {
	a.requestSheet(s, m.request)
	a.requestNext(s, m.request)
	if ordersWipes(m.request) {
		if err := s.section("Devices", m.showDevices); err != nil {
			return err
		}
		if err := s.section("Orders", func(s *sheet) error { return m.showOrders(a, s) }); err != nil {
			return err
		}
	}
	return s.flush()
}

// requestSheet writes what was asked for, by whom and how it was decided.
func (a *app) requestSheet(s *sheet, r *wipev1.WipeRequest) {
	now := a.now()
	s.field("Request", r.GetId())
	s.field("Kind", enumname.Of(r.GetKind()))
	s.field("State", requestState(r))
	s.field("Asks", r.GetSummary())
	s.field("Scope", requestScope(r))
	for _, p := range r.GetScope().GetAppData().GetPackages() {
		s.field("Package", p)
	}
	s.field("User", r.GetUser())
	s.field("Reason", r.GetReason())
	s.field("Asked", moment(r.GetCreatedAt(), now)+" by "+r.GetCreatedBy())
	if r.GetDecidedBy() != "" {
		s.field("Decided", moment(r.GetDecidedAt(), now)+" by "+r.GetDecidedBy())
	}
	s.field("Decision", r.GetDecision())
	s.field("Outcome", r.GetOutcome())
	s.field("Lifted", moment(r.GetLiftedAt(), now))
	s.field("Plan", r.GetPlanDigest())
}

func (m matter) showDevices(s *sheet) error {
	type d = *wipev1.RequestedDevice
	list := m.devices[:min(recent, len(m.devices))]
	if err := sheetTable(s, []column[d]{
		{"DEVICE", false, d.GetDeviceId},
		{"EPOCH", false, func(x d) string { return strconv.FormatUint(x.GetEpoch(), 10) }},
		{"USER", false, func(x d) string { return m.owners[x.GetDeviceId()].GetUser() }},
		{"GROUP", false, func(x d) string { return m.owners[x.GetDeviceId()].GetGroup() }},
		{"OWNERSHIP", false, func(x d) string { return enumname.Of(m.owners[x.GetDeviceId()].GetOwnership()) }},
		{"STATE", false, m.stateOf},
	}, list); err != nil {
		return err
	}
	if more := len(m.devices) - len(list); more > 0 {
		s.field("And", fmt.Sprintf("%d more: -o json names them", more))
	}
	return nil
}

// stateOf is the state of a device's record, and whether it is another enrolment
// by now than the request names.
func (m matter) stateOf(x *wipev1.RequestedDevice) string {
	owner, known := m.owners[x.GetDeviceId()]
	switch {
	case !known:
		return ""
	case owner.GetEpoch() != x.GetEpoch():
		return fmt.Sprintf("%s, by now in epoch %d", enumname.Of(owner.GetState()), owner.GetEpoch())
	default:
		return enumname.Of(owner.GetState())
	}
}

func (m matter) showOrders(a *app, s *sheet) error {
	if err := sheetTable(s, without(wipesView(a.now()).columns, "SOURCE"), m.orders); err != nil {
		return err
	}
	if len(m.orders) == recent {
		s.field("And", "perhaps more: mdmctl get wipes --request "+m.request.GetId())
	}
	return nil
}
