package auditrpc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/page"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

// record is a small real record, oldest first.
type record []audit.Entry

func (r record) Entries(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	var found []audit.Entry
	for i := len(r) - 1; i >= 0 && len(found) < q.Size; i-- {
		e := r[i]
		if q.Before > 0 && e.Sequence >= q.Before || q.Target != "" && e.Target != q.Target || q.Actor != "" && e.Actor != q.Actor {
			continue
		}
		found = append(found, e)
	}
	return found, nil
}

type broken struct{ err error }

func (b broken) Entries(context.Context, audit.Query) ([]audit.Entry, error) { return nil, b.err }

func entry(sequence uint64, actor, target string) audit.Entry {
	return audit.Entry{
		Sequence: sequence, Time: time.Unix(int64(sequence), 5000).UTC(),
		Actor: actor, Action: "wipe.order", Target: target, Detail: "lost", RequestID: "r1",
	}
}

func TestListEntriesPages(t *testing.T) {
	s := New(record{
		entry(1, "admin:alice", "device/one"), entry(2, "admin:bob", "device/one"),
		entry(3, "admin:alice", "device/two"), entry(4, "admin:alice", "device/one"),
		entry(7, "admin:alice", "device/one"),
	})
	req := &auditv1.ListEntriesRequest{PageSize: 2, Actor: "admin:alice", Target: "device/one"}
	var got [][]uint64
	for range 5 {
		resp, err := s.ListEntries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		var sequences []uint64
		for _, e := range resp.GetEntries() {
			sequences = append(sequences, e.GetSequence())
		}
		got = append(got, sequences)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if diff := cmp.Diff([][]uint64{{7, 4}, {1}}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestListEntriesWire(t *testing.T) {
	got, err := New(record{entry(1, "server", "token/1")}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &auditv1.ListEntriesResponse{Entries: []*auditv1.Entry{{
		Sequence: 1, Time: &timestamppb.Timestamp{Seconds: 1, Nanos: 5000},
		Actor: "server", Action: "wipe.order", Target: "token/1", Detail: "lost", RequestId: "r1",
	}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("ListEntries (-want +got):\n%s", diff)
	}
}

func TestListEntriesRefusesTokens(t *testing.T) {
	token := func(cursor string, listing ...string) string { return page.Encode(cursor, listing...) }
	tests := map[string]string{
		"no token":       "***",
		"other filters":  token("7", "audit entries", "device/one", ""),
		"other listing":  token("7", "devices"),
		"not a number":   token("seven", "audit entries", "", ""),
		"zero":           token("0", "audit entries", "", ""),
		"out of range":   token("18446744073709551616", "audit entries", "", ""),
		"negative":       token("-1", "audit entries", "", ""),
		"SQL in a token": token("1 OR 1=1", "audit entries", "", ""),
	}
	for name, pageToken := range tests {
		_, err := New(record{}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{PageToken: pageToken})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "page_token" {
			t.Errorf("%s: got %v, want an Invalid fault on page_token", name, err)
		}
	}
}

func TestListEntriesPassesFaultsOn(t *testing.T) {
	want := fault.New(fault.Internal, "", "the database failed")
	if _, err := New(broken{want}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{}); !errors.Is(err, error(want)) {
		t.Errorf("got %v, want %v", err, want)
	}
}
