package auditrpc

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
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

// Leaves gives leaf "n" for entry n.
func (r record) Leaves(_ context.Context, after, size uint64, most int) ([][]byte, error) {
	if size > uint64(len(r)) {
		return nil, fault.InvalidField("tree_size", "the log has %d entries", len(r))
	}
	var leaves [][]byte
	for n := after + 1; n <= size && len(leaves) < most; n++ {
		leaves = append(leaves, []byte(strconv.FormatUint(n, 10)))
	}
	return leaves, nil
}

func (r record) Inclusion(ctx context.Context, sequence, size uint64) ([]byte, []tlog.Hash, error) {
	leaves, err := r.Leaves(ctx, sequence-1, size, 1)
	if err != nil {
		return nil, nil, err
	}
	return leaves[0], []tlog.Hash{{1}, {2}}, nil
}

func (r record) Consistency(_ context.Context, older, newer uint64) ([]tlog.Hash, error) {
	if newer > uint64(len(r)) {
		return nil, fault.InvalidField("new_size", "the log has %d entries", len(r))
	}
	return []tlog.Hash{{byte(older)}}, nil
}

// heads is a signer's answer.
type heads struct {
	note string
	err  error
}

func (h heads) Head(context.Context) (string, error) { return h.note, h.err }
func (heads) VerifierKey() string                    { return "name+key" }

type broken struct {
	record
	err error
}

func (b broken) Entries(context.Context, audit.Query) ([]audit.Entry, error) { return nil, b.err }

func entry(sequence uint64, actor, target string) audit.Entry {
	return audit.Entry{
		Sequence: sequence, Time: time.Unix(int64(sequence), 5000).UTC(),
		Actor: actor, Action: "wipe.order", Target: target, Detail: "lost", RequestID: "r1",
		Peer: "192.0.2.7", Credential: "a1",
	}
}

// list makes a Server that signs nothing.
func list(r Record) *Server { return New(r, nil) }

func TestListEntriesPages(t *testing.T) {
	s := list(record{
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
	got, err := list(record{entry(1, "server", "token/1")}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &auditv1.ListEntriesResponse{Entries: []*auditv1.Entry{{
		Sequence: 1, Time: &timestamppb.Timestamp{Seconds: 1, Nanos: 5000},
		Actor: "server", Action: "wipe.order", Target: "token/1", Detail: "lost", RequestId: "r1",
		Peer: "192.0.2.7", Credential: "a1",
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
		_, err := list(record{}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{PageToken: pageToken})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "page_token" {
			t.Errorf("%s: got %v, want an Invalid fault on page_token", name, err)
		}
	}
}

func TestListEntriesPassesFaultsOn(t *testing.T) {
	want := fault.New(fault.Internal, "", "the database failed")
	if _, err := list(broken{err: want}).ListEntries(t.Context(), &auditv1.ListEntriesRequest{}); !errors.Is(err, error(want)) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestLog: each call hands on what it was asked, and gives what it got.
func TestLog(t *testing.T) {
	three := record{entry(1, "server", "a"), entry(2, "server", "a"), entry(3, "server", "a")}
	s := New(three, heads{note: "a note"})
	first, second := make([]byte, tlog.HashSize), make([]byte, tlog.HashSize)
	first[0], second[0] = 1, 2
	for name, tt := range map[string]struct {
		call func() (proto.Message, error)
		want proto.Message
	}{
		"head": {
			func() (proto.Message, error) { return s.GetHead(t.Context(), &auditv1.GetHeadRequest{}) },
			&auditv1.GetHeadResponse{Note: "a note", VerifierKey: "name+key"},
		},
		"inclusion": {
			func() (proto.Message, error) {
				return s.GetInclusionProof(t.Context(), &auditv1.GetInclusionProofRequest{Sequence: 2, TreeSize: 3})
			},
			&auditv1.GetInclusionProofResponse{Leaf: []byte("2"), Hashes: [][]byte{first, second}},
		},
		"consistency": {
			func() (proto.Message, error) {
				return s.GetConsistencyProof(t.Context(), &auditv1.GetConsistencyProofRequest{OldSize: 2, NewSize: 3})
			},
			&auditv1.GetConsistencyProofResponse{Hashes: [][]byte{second}},
		},
		"export": {
			func() (proto.Message, error) {
				return s.ExportEntries(t.Context(), &auditv1.ExportEntriesRequest{After: 1, TreeSize: 3})
			},
			&auditv1.ExportEntriesResponse{Leaves: [][]byte{[]byte("2"), []byte("3")}},
		},
		"export, a page": {
			func() (proto.Message, error) {
				return s.ExportEntries(t.Context(), &auditv1.ExportEntriesRequest{TreeSize: 3, PageSize: 1})
			},
			&auditv1.ExportEntriesResponse{Leaves: [][]byte{[]byte("1")}},
		},
	} {
		got, err := tt.call()
		if diff := cmp.Diff(tt.want, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestLogPassesFaultsOn(t *testing.T) {
	want := fault.New(fault.Refused, "AUDIT_LOG_BROKEN", "it is broken")
	s := New(record{}, heads{err: want})
	if _, err := s.GetHead(t.Context(), &auditv1.GetHeadRequest{}); !errors.Is(err, error(want)) {
		t.Errorf("head: got %v, want %v", err, want)
	}
	_, inclusion := s.GetInclusionProof(t.Context(), &auditv1.GetInclusionProofRequest{Sequence: 1, TreeSize: 1})
	_, consistency := s.GetConsistencyProof(t.Context(), &auditv1.GetConsistencyProofRequest{OldSize: 1, NewSize: 1})
	_, export := s.ExportEntries(t.Context(), &auditv1.ExportEntriesRequest{TreeSize: 1})
	for name, err := range map[string]error{"inclusion": inclusion, "consistency": consistency, "export": export} {
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want an Invalid fault", name, err)
		}
	}
}
