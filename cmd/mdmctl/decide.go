package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) approveCommand() *cobra.Command {
	return groupCommand("approve", "Say yes to what another administrator asked for", a.approveRequest())
}

func (a *app) rejectCommand() *cobra.Command {
	return groupCommand("reject", "Say no to what another administrator asked for", a.rejectRequest())
}

func (a *app) stopCommand() *cobra.Command {
	return groupCommand("stop", "End a request, and those of its orders that can still be", a.stopRequest())
}

func (a *app) approveRequest() *cobra.Command {
	in := &wipev1.ApproveRequestRequest{}
	var yes bool
	cmd := &cobra.Command{
		Use:     "request ID",
		Aliases: []string{"requests", "req"},
		Short:   "Approve a request that waits for a second person: it is executed at once",
		Long: "Approve a request that waits for a second person: it is executed at once. What\n" +
			"would happen is shown first: the request, its devices and whose they are, and for\n" +
			"a wipe the plan as it is now. A request cannot be approved by who asked for it,\n" +
			"with whichever credential.",
		Example: `  mdmctl get requests --state waiting
  mdmctl approve request ID --comment "spoke to Maria"`,
		Args: oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Comment, "comment", "", "a word for the record")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	a.completeArgs(cmd, requestNames)
	cmd.RunE = a.waiting(func(ctx context.Context, c *client, args []string) error {
		in.Id = args[0]
		r, err := getRequest(ctx, c, in.GetId())
		if err != nil {
			return wrapped(err, "request", in.GetId())
		}
		// One that does not wait is for the server to answer for: nothing happens.
		if r.GetRequest().GetState() == wipev1.RequestState_REQUEST_STATE_WAITING {
			if err := a.showCase(ctx, c, r); err != nil {
				return err
			}
			if err := a.confirm(ctx, "Approve this?", yes); err != nil {
				return err
			}
		}
		done, err := c.requests.ApproveRequest(ctx, in)
		if err != nil {
			return wrapped(err, "request", in.GetId())
		}
		return a.tellMade(done.GetRequest(), done.GetPaused())
	})
	return cmd
}

// showCase shows what an approval would let happen.
func (a *app) showCase(ctx context.Context, c *client, r *wipev1.GetRequestResponse) error {
	s := &sheet{w: a.err}
	a.requestSheet(s, r.GetRequest())
	for _, text := range r.GetRequest().GetNeeds() {
		s.field("Needs", "a second person: "+text)
	}
	if err := s.flush(); err != nil {
		return err
	}
	if closesBreaker(r.GetRequest()) {
		return a.showPaused(ctx, c, r.GetRequest())
	}
	if !ordersWipes(r.GetRequest()) {
		return nil
	}
	fmt.Fprintln(a.err)
	for _, d := range presentDeeds(r) {
		p, err := d.plan(ctx, c, a.now())
		if err != nil {
			// The server compares the plan itself, and voids a request whose plan has
			// changed: what cannot be shown is no reason not to say no or yes.
			fmt.Fprintf(a.err, "note: what would happen now cannot be shown: %s\n", printable(explain(err)))
			continue
		}
		leaveOutNeeds(p.message)
		if err := p.show(a.err); err != nil {
			return err
		}
		if asked := r.GetRequest().GetPlanDigest(); asked != "" && p.digest != "" && p.digest != asked {
			fmt.Fprintln(a.err, "CHANGED: the plan is another by now than the one that was asked for: an approval only makes the request void")
		}
	}
	return nil
}

// leaveOutNeeds takes out of a plan what it would need if the caller had asked:
// who approves asks for nothing, and what the request needs is shown with it.
func leaveOutNeeds(plan proto.Message) {
	switch p := plan.(type) {
	case *wipev1.PlanWipeResponse:
		p.Needs = nil
	case *wipev1.PlanWipesResponse:
		p.Needs = nil
	}
}

// closesBreaker reports whether a request is about all that the breaker has paused.
func closesBreaker(r *wipev1.WipeRequest) bool {
	return r.GetKind() == wipev1.RequestKind_REQUEST_KIND_RESUME || r.GetKind() == wipev1.RequestKind_REQUEST_KIND_CANCEL_ALL
}

// showPaused shows how the breaker stands, and whether it has opened for another
// reason by now than when the request was made.
func (a *app) showPaused(ctx context.Context, c *client, r *wipev1.WipeRequest) error {
	g, err := c.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})
	if err != nil {
		return err
	}
	s := &sheet{w: a.err}
	if err := s.section("Breaker", func(s *sheet) error { return a.showBreaker(s, g.GetBreaker()) }); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	if since := g.GetBreaker().GetSince(); g.GetBreaker().GetOpen() && since.AsTime().After(r.GetCreatedAt().AsTime()) {
		fmt.Fprintln(a.err, "CHANGED: the breaker has opened anew since this was asked for: an approval only makes the request void")
	}
	return nil
}

// presentDeeds gives what a request asks for, to be planned as things are now.
func presentDeeds(r *wipev1.GetRequestResponse) []deed {
	request := r.GetRequest()
	var ids []string
	for _, d := range r.GetDevices() {
		ids = append(ids, d.GetDeviceId())
	}
	switch {
	case request.GetUser() != "":
		return []deed{person{user: request.GetUser()}}
	case len(ids) == 0:
		return nil
	case request.GetScope() != nil:
		return []deed{manyDevices{target: devicesTarget(ids), scope: request.GetScope(), wording: wiping}}
	}
	var whole []deed
	for _, id := range ids {
		whole = append(whole, wholeDevice{id: id, personalSide: true})
	}
	return whole
}

func (a *app) rejectRequest() *cobra.Command {
	in := &wipev1.RejectRequestRequest{}
	cmd := &cobra.Command{
		Use:     "request ID",
		Aliases: []string{"requests", "req"},
		Short:   "Reject a request that waits for a second person, for good",
		Example: `  mdmctl reject request ID --reason "Maria has the phone with her"`,
		Args:    oneName,
	}
	addReason(cmd, &in.Reason)
	a.completeArgs(cmd, requestNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Id = args[0]
		r, err := c.requests.RejectRequest(ctx, in)
		if err != nil {
			return wrapped(err, "request", in.GetId())
		}
		if a.forPrograms() {
			return a.writeMessage(r.GetRequest())
		}
		a.say("request", r.GetRequest().GetId(), "rejected; nothing of it happens")
		return nil
	})
	return cmd
}

func (a *app) stopRequest() *cobra.Command {
	in := &wipev1.StopRequestRequest{}
	cmd := &cobra.Command{
		Use:     "request ID",
		Aliases: []string{"requests", "req"},
		Short:   "End a request, and cancel those of its orders that no device has promised",
		Long: "End a request that waits, or cancel every order of one that was executed that no\n" +
			"device has promised to carry out. Orders to several devices wait for a while for\n" +
			"this very command.",
		Example: `  mdmctl stop request ID --reason "wrong group"`,
		Args:    oneName,
	}
	addReason(cmd, &in.Reason)
	a.completeArgs(cmd, requestNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Id = args[0]
		r, err := c.requests.StopRequest(ctx, in)
		if err != nil {
			return wrapped(err, "request", in.GetId())
		}
		if a.forPrograms() {
			return a.writeMessage(r)
		}
		a.say("request", r.GetRequest().GetId(), "stopped; "+endedOrders(r))
		return nil
	})
	return cmd
}
