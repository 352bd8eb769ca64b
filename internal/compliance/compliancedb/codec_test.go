package compliancedb

import (
	"bytes"
	"testing"
	"time"

	"ringfence/internal/compliance"
)

// FuzzReport: a blob that is read survives being written again, and a damaged
// one is an error, never a panic.
func FuzzReport(f *testing.F) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Add(encodeReport(compliance.Report{}))
	f.Add(encodeReport(compliance.Report{
		ObservedAt: at,
		Posture: compliance.Posture{
			OSVersion: "16", Locks: []compliance.LockState{{Scope: 1, Set: true, ChangedAt: at}},
			Certificates:      []compliance.InstalledCertificate{{Alias: "a", Serial: "1", NotAfter: at}},
			TrustedRootSHA256: []string{"ab"}, VPNs: []compliance.VPNState{{Name: "v", AlwaysOn: true}},
			WorkApps: []compliance.WorkApp{{Package: "a.b", Version: "1", UnsyncedChanges: 2}},
		},
		Results: []compliance.SettingResult{{Setting: "pin.device", Status: 1, Detail: "d"}},
	}))
	f.Add([]byte{reportVersion, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{3})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blob []byte) {
		r, err := decodeReport(blob)
		if err != nil {
			return
		}
		again, err := decodeReport(encodeReport(r))
		if err != nil || !again.SameContent(&r) || !again.ObservedAt.Equal(r.ObservedAt) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzVerdict(f *testing.F) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Add(encodeVerdict(compliance.Verdict{}))
	f.Add(encodeVerdict(compliance.Verdict{
		Standing: compliance.Compliant, EvidenceAt: at, Findings: []compliance.Finding{{Rule: "r", Since: at, GraceUntil: at}},
	}))
	f.Fuzz(func(t *testing.T, blob []byte) {
		v, err := decodeVerdict(blob)
		if err != nil {
			return
		}
		once := encodeVerdict(v)
		again, err := decodeVerdict(once)
		if err != nil || !bytes.Equal(once, encodeVerdict(again)) {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}

func TestTruncatedBlobs(t *testing.T) {
	blob := encodeReport(compliance.Report{
		ObservedAt: time.Unix(1, 0), Results: []compliance.SettingResult{{Setting: "pin.device", Status: 1, Detail: "d"}},
	})
	for n := range blob {
		if _, err := decodeReport(blob[:n]); err == nil {
			t.Errorf("the first %d of %d octets are read as a report", n, len(blob))
		}
	}
	if _, err := decodeReport(append(blob, 0)); err == nil {
		t.Error("a report with an octet too many is read")
	}
}

func BenchmarkEncodeReport(b *testing.B) {
	r := compliance.Report{
		ObservedAt: time.Unix(1, 0),
		Posture: compliance.Posture{
			OSVersion: "16", Locks: []compliance.LockState{{Scope: 1, Set: true}, {Scope: 2, Set: true}},
			Certificates: []compliance.InstalledCertificate{{Alias: "wifi", Serial: "1a", NotAfter: time.Unix(2, 0)}},
		},
		Results: []compliance.SettingResult{{Setting: "pin.device", Status: 1}, {Setting: "vpn.corp", Status: 1}},
	}
	b.ReportAllocs()
	for b.Loop() {
		encodeReport(r)
	}
}

// TestReportFromBefore: a report of the first version has no work apps, and is
// read all the same.
func TestReportFromBefore(t *testing.T) {
	want := compliance.Report{Results: []compliance.SettingResult{{Setting: "pin.device", Status: 1}}}
	blob := encodeReport(want)
	old := append([]byte{reportWithoutWorkApps}, blob[1:len(blob)-1]...) // less the empty list
	if got, err := decodeReport(old); err != nil || !got.SameContent(&want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if _, err := decodeVerdict(append([]byte{reportVersion}, encodeVerdict(compliance.Verdict{})[1:]...)); err == nil {
		t.Error("a verdict of a version to come is read")
	}
}
