package main

import (
	"encoding/json"
	"testing"

	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func TestDescribeDevice(t *testing.T) {
	b := serve(t).fill()
	b.check(b.run("describe", "device", phone), 0, `
Device:      device-00000001
State:       enrolled (epoch 2)
Managed as:  personal, work-profile
Model:       Pixel 9, android 15
Group:       sales
User:        maria@example.com
Enrolled:    2026-11-19 12:00:00Z (3d ago)
Last seen:   2026-11-22 11:59:30Z (30s ago)
Identity:    0a1b
  expires:   2026-12-22 12:00:00Z (in 30d)
Token:       token-00000007
Verdict:
  Standing:  NON-COMPLIANT
  Since:     2026-11-22 10:00:00Z (2h ago)
  Evidence:  2026-11-22 11:55:00Z (5m ago)
  Changes:   2026-11-25 12:00:00Z (in 3d), if nothing else does
  Finding pin.work_profile.minimum_length:
    Expected:  at least 6
    Actual:    4
    Evidence:  5m old when judged
    Since:     2026-11-22 10:00:00Z (2h ago)
    Remedy:    choose a longer work PIN
  Finding vpn.office, counts 2026-11-22 13:00:00Z (in 60m):
    Expected:  always on
    Actual:    off
    Evidence:  5m old when judged
    Since:     2026-11-22 11:59:00Z (60s ago)
    Remedy:    open the VPN app
Manifest:
  State:     outdated
  Desired:   3f2a9c0d11aa
  Applied:   00ff00ff00ff
  Policies:  base, sales
  Conflict:  vpn.office: different servers (base, sales)
  SETTING                  STATUS    DETAIL
  pin.work_profile         pending   waits for the person
  trusted_root.corporate   applied   -
Certificates:
  SERIAL   ALIAS   STATUS   EXPIRES
  beef     work    valid    in 90d
Lease:
  Standing:  no lease: it may be out of contact for as long as it likes
Wipes:
  ID               SCOPE                       STATE   HELD   SOURCE          AGE   CHANGED
  order-00000009   app-data com.example.mail   done    -      administrator   3h    2h
`, "")
}

// TestDescribeUnknownToTheJudge: a device of which nothing was ever asked.
func TestDescribeUnknownToTheJudge(t *testing.T) {
	b := serve(t)
	b.devices = []*enrollv1.Device{{
		Id: phone, Epoch: 1, State: enrollv1.DeviceState_DEVICE_STATE_LEFT, Model: "Tab", OsVersion: "15",
		Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
		Platform: enrollv1.Platform_PLATFORM_ANDROID,
	}}
	b.check(b.run("describe", "dev", phone), 0, `
Device:      device-00000001
State:       left (epoch 1)
Managed as:  company, dedicated
Model:       Tab, android 15
Verdict:
  Standing:  none: nothing was ever asked of this device
Manifest:
  State:     nothing-asked
  Applied:   -
  Policies:  -
Certificates:
  none
Lease:
  Standing:  no lease: it may be out of contact for as long as it likes
Wipes:
  none
`, "")
}

func TestDescribeDeviceAsData(t *testing.T) {
	b := serve(t).fill()
	got := b.run("describe", "device", phone, "-o", "json")
	var data struct {
		Device       struct{ ID string }
		Compliance   struct{ Verdict struct{ Standing string } }
		Certificates []struct{ Serial string }
		Wipes        []struct{ State string }
	}
	if err := json.Unmarshal([]byte(got.out), &data); err != nil {
		t.Fatal(err, got)
	}
	if data.Device.ID != phone || data.Compliance.Verdict.Standing != "STANDING_NON_COMPLIANT" ||
		data.Certificates[0].Serial != "beef" || data.Wipes[0].State != "STATE_DONE" {
		t.Errorf("%+v", data)
	}
}

func TestDescribe(t *testing.T) {
	b := serve(t).fill()
	b.check(b.run("describe", "policy", "sales"), 0, `
Policy:       sales
Revision:     3
Revised:      2026-11-22 07:00:00Z (5h ago) by admin:alice
Created:      2026-11-13 12:00:00Z (9d ago)
Description:  for sales
Assigned:     group sales
Assigned:     not user ceo@example.com
Pin:
  Scope:           work-profile
  Quality:         numeric-complex
  Minimum length:  6
Vpn:
  Name:              office
  Provider package:  com.example.vpn
  Server:
    Address:  vpn.example.com:443
  Always on:        yes
  Denied packages:  a.b, c.d
  Provider settings:
    a:    b
    mtu:  1400
`, "")
	b.check(b.run("describe", "wipe", order1), 0, `
Wipe:     order-00000009
Device:   device-00000001 (epoch 2)
Scope:    app-data com.example.mail
State:    done
Source:   administrator
Reason:   left the project
Ordered:  2026-11-22 09:00:00Z (3h ago) by admin:alice
Changed:  2026-11-22 10:00:00Z (2h ago)
Expires:  2026-12-21 12:00:00Z (in 29d)
Put off:  1 time
Receipt, in the device's words and signed by it:
  Finished:      2026-11-22 10:00:00Z (2h ago)
  Files:         12
  Bytes:         3456
  Keys:          1
  Certificates:  0
  Package:       com.example.mail
`, "")
	b.check(b.run("describe", "token", "token-00000008"), 0, `
Token:        token-00000008
Description:  lobby screens
Status:       usable
Admits:       company, dedicated, group kiosks
Uses:         3 of 50
Created:      2026-11-22 11:00:00Z (60m ago) by admin:alice
Expires:      2026-11-23 11:00:00Z (in 23h)
`, "")
	b.check(b.run("describe", "certificate", "dead"), 0, `
Certificate:  dead
Status:       revoked
Alias:        work
Device:       device-00000002 (epoch 1)
Valid from:   2026-08-24 12:00:00Z (90d ago)
Valid until:  2026-11-22 13:00:00Z (in 60m)
Revoked:      2026-11-22 11:00:00Z (60m ago)
Reason:       retired
`, "")
	b.check(b.run("describe", "cert", "nope"), 3, "", "mdmctl: certificate \"nope\": not found\n")
}
