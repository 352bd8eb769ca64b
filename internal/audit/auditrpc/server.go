// Package auditrpc serves the record to administrators.
package auditrpc

import (
	"context"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/page"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

// Record is the record and the log that it is. Errors are faults.
type Record interface {
	// Entries gives what q asks for, newest first; none is an empty list.
	Entries(ctx context.Context, q audit.Query) ([]audit.Entry, error)
	// Leaves gives the encodings of entries after a sequence, in order, up to
	// the end of the tree of so many entries: at most most of them.
	Leaves(ctx context.Context, after, size uint64, most int) ([][]byte, error)
	// Inclusion gives an entry's leaf and the proof that the tree of so many
	// entries contains it.
	Inclusion(ctx context.Context, sequence, size uint64) (leaf []byte, proof []tlog.Hash, err error)
	// Consistency gives the proof that the tree of older entries is the
	// beginning of the tree of newer ones.
	Consistency(ctx context.Context, older, newer uint64) ([]tlog.Hash, error)
}

// Heads signs the log.
type Heads interface {
	// Head gives a signed head of every entry there is now. Errors are faults.
	Head(ctx context.Context) (note string, err error)
	// VerifierKey is the key to verify it with.
	VerifierKey() string
}

// Server is the AuditService.
type Server struct {
	auditv1.UnimplementedAuditServiceServer
	record Record
	heads  Heads
}

// New makes a Server over the record.
func New(record Record, heads Heads) *Server { return &Server{record: record, heads: heads} }

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) { auditv1.RegisterAuditServiceServer(r, s) }

// ListEntries lists entries, newest first, page by page.
func (s *Server) ListEntries(ctx context.Context, req *auditv1.ListEntriesRequest) (*auditv1.ListEntriesResponse, error) {
	listing := []string{"audit entries", req.GetTarget(), req.GetActor()}
	before, err := sequence(page.Decode(req.GetPageToken(), listing...))
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	entries, err := s.record.Entries(ctx, audit.Query{
		Target: req.GetTarget(),
		Actor:  req.GetActor(),
		Before: before,
		Size:   size + 1, // one more tells whether another page follows
	})
	if err != nil {
		return nil, err
	}
	resp := &auditv1.ListEntriesResponse{}
	if len(entries) > size {
		entries = entries[:size]
		resp.NextPageToken = page.Encode(strconv.FormatUint(entries[size-1].Sequence, 10), listing...)
	}
	for _, e := range entries {
		resp.Entries = append(resp.Entries, toWire(e))
	}
	return resp, nil
}

// sequence reads a cursor; the empty one is 0.
func sequence(cursor string, err error) (uint64, error) {
	if err != nil || cursor == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil || n == 0 {
		return 0, fault.InvalidField("page_token", "is not a page token of this server")
	}
	return n, nil
}

func toWire(e audit.Entry) *auditv1.Entry {
	return &auditv1.Entry{
		Sequence:   e.Sequence,
		Time:       timestamppb.New(e.Time),
		Actor:      e.Actor,
		Action:     e.Action,
		Target:     e.Target,
		Detail:     e.Detail,
		RequestId:  e.RequestID,
		Peer:       e.Peer,
		Credential: e.Credential,
	}
}
