// Command demo tells three stories with the real programs. A phone joins, gets
// policy, is judged, and gives the work side back, while nothing personal changes.
// A phone that nobody enrols has a work account in an app, and loses that alone.
// And a gateway lets a phone in for as long as it is fit. It exits non-zero if any
// step did not hold.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := tell(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "\nThe story does not hold:", err)
		os.Exit(1)
	}
}

// tell runs the whole story with the programs in the folder args names.
func tell(ctx context.Context, args []string) (err error) {
	bin := "bin"
	if len(args) > 0 {
		bin = args[0]
	}
	dir, err := os.MkdirTemp("", "ringfence-demo-")
	if err != nil {
		return err
	}
	s := &story{ctx: ctx, bin: bin, dir: dir, began: time.Now()}
	defer func() {
		s.stopAll()
		s.doors.close()
		if s.provider != nil {
			_ = s.provider.Close()
		}
		if err != nil {
			s.showLogs()
		}
		_ = os.RemoveAll(dir)
	}()
	for _, chapter := range []func() error{
		s.startServer, s.enrollPhone, s.pushPolicy, s.judge, s.takeBack, s.aftermath,
		s.unenrolled, s.addAccount, s.gates, s.guess, s.offline, s.takeAccount, s.abandoned,
		s.openDoors, s.writeRules, s.newPhone, s.turnedAway, s.letInAgain, s.ownWord, s.lookAhead,
	} {
		if err := chapter(); err != nil {
			return err
		}
	}
	fmt.Printf("\nEvery step held. %.1f s.\n", time.Since(s.began).Seconds())
	return nil
}

// startServer starts mdm-server in an empty folder.
func (s *story) startServer() error {
	s.chapter("A server starts in an empty folder: SQLite, its own certificate authority")
	if err := s.provide(); err != nil {
		return err
	}
	if err := s.serve("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		return err
	}
	s.credential = s.path("server", "admin", "mdmctl.yaml")
	info, err := os.Stat(s.credential)
	if err != nil {
		return fmt.Errorf("no administrator's credential: %w", err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		return fmt.Errorf("the administrator's credential has mode %o, want 600", got)
	}
	if err := s.appointBob(); err != nil {
		return err
	}
	s.say("devices connect to %s; the administrator's credential is in server/admin/mdmctl.yaml (mode 0600)", s.device)
	return nil
}

// enrollPhone makes a token and a virtual phone with a personal side, and
// enrols it.
func (s *story) enrollPhone() error {
	s.chapter("A person's own phone joins with a one-time token")
	if err := s.fillPersonalSide(); err != nil {
		return err
	}
	before, err := digest(s.path("phone", "data", "user", "0"))
	if err != nil {
		return err
	}
	s.personal = before
	s.say("the personal side holds %d files, digest %s", before.files, before.short())

	var token struct {
		Secret string `json:"secret"`
	}
	if err := s.ctlJSON(&token, "create", "token", "--ownership", "personal", "--mode", "work-profile",
		"--group", "sales", "--user", maria, "--uses", "1", "--expires", "1h"); err != nil {
		return err
	}
	if token.Secret == "" {
		return fmt.Errorf("create token gave no secret")
	}
	pin, err := s.caPin()
	if err != nil {
		return err
	}
	enroll := []string{"enroll", "--server", s.device, "--ca-pin", pin, "--model", "Pixel 9"}
	if _, err := s.agentWith(token.Secret, enroll...); err != nil {
		return err
	}
	if err := s.findDevice(); err != nil {
		return err
	}
	s.say("enrolled as device %s, epoch 1", s.deviceID)

	_, err = s.agentAs("second-phone", token.Secret, enroll...)
	if err == nil {
		return fmt.Errorf("a second phone joined with the same one-time token")
	}
	s.say("a second phone with the same token is refused: %s", lastLine(err.Error()))
	return s.fillWorkSide()
}

// pushPolicy applies a policy and sees it arrive.
func (s *story) pushPolicy() error {
	s.chapter("A policy is assigned: PIN, certificate, VPN")
	if _, err := s.agent("set", "pin.set=true", "pin.length=6", "pin.quality=numeric-complex", "pin.complexity=medium",
		"work.pin.set=true", "work.pin.length=8", "work.pin.quality=numeric-complex", "work.pin.complexity=high"); err != nil {
		return err
	}
	if err := s.launch(nil, "phone", "mdm-agent", "run", "--phone", s.path("phone")); err != nil {
		return err
	}
	out, err := s.ctl("apply", "-f", "examples/policies/sales.yaml")
	if err != nil {
		return err
	}
	s.quote(out)
	if _, err := s.ctl("watch", "device", s.deviceID, "--until", "compliant", "--timeout", "30s"); err != nil {
		return fmt.Errorf("the phone did not become compliant: %w", err)
	}
	if err := s.checkApplied(); err != nil {
		return err
	}
	return nil
}

// judge turns the verdict over and back.
func (s *story) judge() error {
	s.chapter("The person shortens the work PIN: the verdict turns, with its reasons")
	if _, err := s.agent("set", "work.pin.length=4"); err != nil {
		return err
	}
	if _, err := s.ctl("watch", "device", s.deviceID, "--until", "non-compliant", "--timeout", "30s"); err != nil {
		return fmt.Errorf("the verdict did not turn: %w", err)
	}
	verdict, err := s.verdict()
	if err != nil {
		return err
	}
	if !verdict.has("pin.work_profile.minimum_length") {
		return fmt.Errorf("the verdict does not name pin.work_profile.minimum_length: %+v", verdict)
	}
	for _, f := range verdict.Findings {
		s.say("%s: expected %s, actual %s — %s", f.Rule, f.Expected, f.Actual, f.Remedy)
	}

	if _, err := s.agent("set", "work.pin.length=8"); err != nil {
		return err
	}
	if _, err := s.ctl("watch", "device", s.deviceID, "--until", "compliant", "--timeout", "30s"); err != nil {
		return fmt.Errorf("the verdict did not turn back: %w", err)
	}
	s.say("the PIN is long enough again: compliant")
	return nil
}

// takeBack wipes the work profile and looks at the phone's disk.
func (s *story) takeBack() error {
	s.chapter("The company takes its side back, and it takes two people")
	out, err := s.ctl("wipe", "device", s.deviceID, "--scope", "work-profile", "--reason", "phone is sold", "--dry-run")
	if err != nil {
		return err
	}
	s.quote(out)
	if err := s.orderTogether(); err != nil {
		return err
	}
	out, err = s.ctl("get", "wipes", "--device", s.deviceID)
	if err != nil {
		return err
	}
	s.quote(out)
	if err := s.checkReceipt(); err != nil {
		return err
	}
	if err := s.exited("phone", 10*time.Second); err != nil {
		return fmt.Errorf("the agent did not end with its enrolment: %w", err)
	}
	return s.checkDisk()
}

// aftermath looks at what is left on the server.
func (s *story) aftermath() error {
	s.chapter("What is left")
	var device struct {
		State string `json:"state"`
	}
	if err := s.ctlJSON(&device, "get", "device", s.deviceID); err != nil {
		return err
	}
	if device.State != "DEVICE_STATE_WIPED" {
		return fmt.Errorf("the device record says %q, want DEVICE_STATE_WIPED", device.State)
	}
	if err := s.checkRevoked(); err != nil {
		return err
	}
	out, err := s.ctl("get", "audit", "--limit", "100", "-o", "json")
	if err != nil {
		return err
	}
	for _, action := range []string{
		"enroll.token.create", "enroll.join", "compliance.policy.apply",
		"wipe.limits", "wipe.request", "wipe.approve", "wipe.order", "wipe.commit", "wipe.done",
	} {
		if !strings.Contains(out, action) {
			return fmt.Errorf("the record has no %s", action)
		}
	}
	s.say("the record explains every change")
	return nil
}
