package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) watchWipes() *cobra.Command {
	var until wipev1.State
	var interval time.Duration
	var limit int
	filter := &wipev1.ListWipesRequest{}
	cmd := &cobra.Command{
		Use:     "wipes [ID...]",
		Aliases: []string{"wipe", "orders", "order"},
		Short:   "Print wipe orders as they change",
		Long: "Print wipe orders as they change: the named ones, or the newest. With -o json,\n" +
			"one object a line.",
		Annotations: map[string]string{formatsKey: "text|json"},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.DeviceId, "device", "", "orders for this device")
	flags.StringVar(&filter.RequestId, "request", "", "orders of this request")
	completeFlag(cmd, "request", a.ask(requestNames))
	addEnum(cmd, &until, "until", "end when every watched order has come so far")
	flags.DurationVar(&interval, "interval", defaultInterval, "time between two looks")
	flags.IntVar(&limit, "limit", 100, "watch this many of the newest orders at most")
	a.completeArgs(cmd, wipeNames)
	a.completeDevice(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 1 {
			return usagef("--limit must be 1 or more")
		}
		plan := pollPlan{interval, a.waitLimit(cmd), until != 0}
		return a.waiting(func(ctx context.Context, c *client, args []string) error {
			w := wipeWatch{app: a, c: c, ids: args, filter: filter, limit: limit, until: until}
			return a.poll(ctx, plan, w.look())
		})(cmd, args)
	}
	return cmd
}

// wipeWatch looks at the named orders, or at the newest that pass the filter.
type wipeWatch struct {
	app    *app
	c      *client
	ids    []string
	filter *wipev1.ListWipesRequest
	limit  int          // 0 for none
	until  wipev1.State // 0 for no end
}

func (w wipeWatch) look() look {
	see := w.see()
	return func(ctx context.Context) (bool, error) {
		orders, err := see(ctx)
		if err != nil {
			return false, err
		}
		return w.reached(orders)
	}
}

// see gives a look at the orders that prints those that have changed since the
// look before.
func (w wipeWatch) see() func(ctx context.Context) ([]*wipev1.Order, error) {
	printed := map[string]string{}
	return func(ctx context.Context) ([]*wipev1.Order, error) {
		orders, err := w.orders(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range slices.Backward(orders) { // newest last, as things happen
			line := wipeLine(o)
			if printed[o.GetId()] == line {
				continue
			}
			printed[o.GetId()] = line
			if err := w.print(o, line); err != nil {
				return nil, err
			}
		}
		return orders, nil
	}
}

func (w wipeWatch) orders(ctx context.Context) ([]*wipev1.Order, error) {
	if len(w.ids) == 0 {
		return wipeListing(w.filter).all(ctx, w.c, w.limit)
	}
	var orders []*wipev1.Order
	for _, id := range w.ids {
		o, err := getWipe(ctx, w.c, id)
		if err != nil {
			return nil, fmt.Errorf("wipe %q: %w", id, err)
		}
		orders = append(orders, o)
	}
	return orders, nil
}

func wipeLine(o *wipev1.Order) string {
	line := fmt.Sprintf("%s  %s  %s  %s", o.GetId(), o.GetDeviceId(), orderScope(o), wipeState(o))
	if o.GetPaused() {
		line += "  paused"
	}
	if o.GetNotNowCount() > 0 {
		line += fmt.Sprintf("  put off %s", count(o.GetNotNowCount(), "time"))
	}
	if o.GetRefusedCount() > 0 {
		line += fmt.Sprintf("  refused %s: %s", count(o.GetRefusedCount(), "time"), o.GetLastRefusal())
	}
	if r := o.GetReceipt(); r != nil {
		line += fmt.Sprintf("  removed %s, %s", count(r.GetFilesRemoved(), "file"), count(r.GetKeysRemoved(), "key"))
	}
	if o.GetOutcome() != "" {
		line += "  " + o.GetOutcome()
	}
	return printable(line)
}

func (w wipeWatch) print(o *wipev1.Order, line string) error {
	if w.app.format != "json" {
		fmt.Fprintf(w.app.out, "%s  %s\n", w.app.stamp(), line)
		return nil
	}
	raw, err := wireJSON(o)
	if err != nil {
		return err
	}
	return w.app.writeLine(raw)
}

// reached reports whether every order has come as far as is waited for. The
// states on the way (pending, delivered, acknowledged, done) are in order, and a
// later one has passed the earlier. An error where one has ended elsewhere.
func (w wipeWatch) reached(orders []*wipev1.Order) (bool, error) {
	if w.until == 0 || len(orders) == 0 {
		return false, nil
	}
	all := true
	for _, o := range orders {
		state := o.GetState()
		switch {
		case state == w.until:
		case state <= wipev1.State_STATE_DONE && w.until < state:
		case final(state):
			err := fmt.Errorf("wipe %q ended as %s", o.GetId(), wipeState(o))
			if o.GetOutcome() != "" {
				err = fmt.Errorf("%w: %s", err, o.GetOutcome())
			}
			return false, err
		default:
			all = false
		}
	}
	return all, nil
}

func final(s wipev1.State) bool { return s >= wipev1.State_STATE_DONE }
