package enrolldb_test

import (
	"fmt"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

// token makes the nth token, with every field set.
func token(n int) enroll.Token {
	return enroll.Token{
		ID: fmt.Sprintf("token-%08d", n), Description: "for the 'new' phones; --",
		Ownership: device.Company, Mode: device.WorkProfile, Group: "sales", User: "a@example.com",
		MaxUses: 3, CreatedAt: noon.Add(time.Duration(n) * time.Minute), CreatedBy: "admin:alice",
		ExpiresAt: noon.Add(24 * time.Hour),
		Lookup:    fmt.Sprintf("%012x", n), Secret: enroll.Digest{1, byte(n)},
		RequestKey: fmt.Sprintf("request-%d", n), Request: enroll.Digest{2, byte(n)},
	}
}

func entry(action string) audit.Entry {
	return audit.Entry{Actor: "admin:alice", Action: action, Target: "x/y", Detail: "why", RequestID: "r1"}
}

// issued makes the nth certificate; its key and request are the nth too.
func issued(n int) enroll.Issued {
	return enroll.Issued{
		Chain:  [][]byte{{0x30, 2, 5, 0}, {0x30, 0}},
		Serial: fmt.Sprintf("c%d", n), IssuedAt: noon, ExpiresAt: noon.Add(90 * 24 * time.Hour),
		Key: enroll.Digest{3, byte(n)}, Request: enroll.Digest{4, byte(n)},
	}
}

// join makes the nth device's first enrolment with the token.
func join(n int, t enroll.Token, tag string) enroll.Join {
	return joinAgain(enroll.Device{ID: device.ID(fmt.Sprintf("device-%08d", n))}, t, issued(n), tag)
}

// joinAgain makes the next enrolment of a device.
func joinAgain(before enroll.Device, t enroll.Token, i enroll.Issued, tag string) enroll.Join {
	d := enroll.Open(before, enroll.Entrance{
		Token: t, Tag: enroll.HashTag(tag), Platform: device.Android, Model: "Pixel 9", OSVersion: "15.0.1",
		Certificate: i.Certificate(),
	}, noon)
	return enroll.Join{Device: d, Issued: i, Displaced: enroll.Displaced(before, noon), Entry: entry("enroll.join")}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// given stores a token.
func given(t *testing.T, s *enrolldb.Store, token enroll.Token) enroll.Token {
	t.Helper()
	_, created, err := s.CreateToken(t.Context(), token, entry("enroll.token.create"))
	if err != nil || !created {
		t.Fatalf("CreateToken: created %v, %v", created, err)
	}
	return token
}

// joined stores an enrolment.
func joined(t *testing.T, s *enrolldb.Store, j enroll.Join) enroll.Device {
	t.Helper()
	must(t, s.Join(t.Context(), j))
	return j.Device
}

// dump is everything the slice and the record hold, to see that nothing changed.
func dump(t *testing.T, db *sqldb.DB) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	for table, order := range map[string]string{
		"enroll_tokens": "id", "enroll_devices": "id", "enroll_certificates": "serial",
		"enroll_endings": "device_id, epoch", "enroll_administrators": "serial", "audit_entries": "sequence",
	} {
		rows := []map[string]any{}
		must(t, db.Read(t.Context()).Table(table).Order(order).Find(&rows).Error)
		all[table] = rows
	}
	return all
}
