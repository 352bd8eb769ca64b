package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/internal/enumname"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// applied is what a watch may wait for besides standings and states.
const applied = "applied"

func deviceGoals() []string {
	return slices.Concat(
		enumname.Choices(compliancev1.Standing(0).Descriptor()),
		[]string{applied},
		enumname.Choices(enrollv1.DeviceState(0).Descriptor()))
}

func (a *app) watchDevice() *cobra.Command {
	var until string
	var interval time.Duration
	cmd := &cobra.Command{
		Use:     "device ID",
		Aliases: []string{"devices", "dev"},
		Short:   "Print a device's state, verdict and manifest as they change",
		Long: "Print a device's state, verdict and manifest as they change. With -o json, one\n" +
			"object a line.",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: "text|json"},
	}
	flags := cmd.Flags()
	flags.StringVar(&until, "until", "", "end when the device is: "+strings.Join(deviceGoals(), "|"))
	flags.DurationVar(&interval, "interval", defaultInterval, "time between two looks")
	fixedChoices(cmd, "until", deviceGoals())
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if until != "" && !slices.Contains(deviceGoals(), until) {
			return usagef("--until %q: choose from: %s", until, strings.Join(deviceGoals(), ", "))
		}
		plan := pollPlan{interval, a.waitLimit(cmd), until != ""}
		return a.waiting(func(ctx context.Context, c *client, args []string) error {
			w := deviceWatch{app: a, c: c, id: args[0], until: until}
			return a.poll(ctx, plan, w.look())
		})(cmd, args)
	}
	return cmd
}

type deviceWatch struct {
	app   *app
	c     *client
	id    string
	until string
}

func (w deviceWatch) look() look {
	last := ""
	return func(ctx context.Context) (bool, error) {
		d, err := getDevice(ctx, w.c, w.id)
		if err != nil {
			return false, err
		}
		r, err := getDeviceCompliance(ctx, w.c, w.id)
		if err != nil && status.Code(err) != codes.NotFound {
			return false, err
		}
		if now := deviceLine(d, r); now != last {
			last = now
			if err := w.print(d, r, now); err != nil {
				return false, err
			}
		}
		return w.reached(d, r)
	}
}

// deviceLine is what a change of is worth a line; ages are not.
func deviceLine(d *enrollv1.Device, r *compliancev1.GetDeviceComplianceResponse) string {
	var b strings.Builder
	standing := orDash(enumname.Of(r.GetVerdict().GetStanding()))
	fmt.Fprintf(&b, "%s  %s  manifest %s", enumname.Of(d.GetState()), standing, manifestState(r))
	if revision := r.GetManifestRevision(); revision != "" {
		fmt.Fprintf(&b, " (%.12s)", revision)
	}
	for _, f := range r.GetVerdict().GetFindings() {
		fmt.Fprintf(&b, "\n    %s: expected %s, actual %s",
			printable(f.GetRule()), printable(f.GetExpected()), printable(f.GetActual()))
	}
	return b.String()
}

func (w deviceWatch) print(d *enrollv1.Device, r *compliancev1.GetDeviceComplianceResponse, line string) error {
	if w.app.format != "json" {
		fmt.Fprintf(w.app.out, "%s  %s\n", w.app.stamp(), line)
		return nil
	}
	device, err := wireJSON(d)
	if err != nil {
		return err
	}
	compliance, err := wireJSON(r)
	if err != nil {
		return err
	}
	return w.app.writeLine(map[string]json.RawMessage{"device": device, "compliance": compliance})
}

// reached reports whether the goal is met; an error where it no longer can be.
func (w deviceWatch) reached(d *enrollv1.Device, r *compliancev1.GetDeviceComplianceResponse) (bool, error) {
	state := enumname.Of(d.GetState())
	switch w.until {
	case "":
		return false, nil
	case state, enumname.Of(r.GetVerdict().GetStanding()):
		return true, nil
	case applied:
		if manifestState(r) == "applied" {
			return true, nil
		}
	}
	if d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED && w.until != "enrolled" {
		return false, fmt.Errorf("device %q is %s: it will not become %s", w.id, state, w.until)
	}
	return false, nil
}
