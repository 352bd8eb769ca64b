package main

import (
	"context"
	"crypto/rand"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

// fakeLog is the record of the fake as a log, with its key.
type fakeLog struct {
	tree     ledger.Tree
	signer   note.Signer
	verifier string
	leaves   [][]byte
	stored   []tlog.Hash
}

func newFakeLog(t *testing.T) *fakeLog {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "ringfence-test")
	if err != nil {
		t.Fatal(err)
	}
	l := &fakeLog{verifier: public}
	if l.signer, err = note.NewSigner(secret); err != nil {
		t.Fatal(err)
	}
	return l
}

// restarted is an empty log of the same key.
func (l *fakeLog) restarted() *fakeLog { return &fakeLog{signer: l.signer, verifier: l.verifier} }

// record adds entries with this detail.
func (l *fakeLog) record(n int, detail string) *fakeLog {
	for range n {
		leaf := ledger.Leaf(audit.Entry{
			Sequence: l.tree.Size() + 1, Time: now, Actor: "admin:alice", Action: "wipe.order", Target: "device/" + phone,
			Detail: detail, RequestID: "abcd", Peer: "192.0.2.7", Credential: "a1",
		})
		l.leaves = append(l.leaves, leaf)
		l.stored = append(l.stored, l.tree.Append(leaf)...)
	}
	return l
}

func (l *fakeLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, l.stored[i])
	}
	return out, nil
}

func wireHashes(proof []tlog.Hash) [][]byte {
	var out [][]byte
	for _, h := range proof {
		out = append(out, h[:])
	}
	return out
}

func (f *fake) GetHead(context.Context, *auditv1.GetHeadRequest) (*auditv1.GetHeadResponse, error) {
	signed, err := ledger.Head{Size: f.log.tree.Size(), Root: f.log.tree.Root()}.Sign(f.log.signer)
	return &auditv1.GetHeadResponse{Note: signed, VerifierKey: f.log.verifier}, err
}

func (f *fake) GetInclusionProof(_ context.Context, r *auditv1.GetInclusionProofRequest) (*auditv1.GetInclusionProofResponse, error) {
	proof, err := tlog.ProveRecord(int64(r.GetTreeSize()), int64(r.GetSequence()-1), f.log)
	return &auditv1.GetInclusionProofResponse{Leaf: f.log.leaves[r.GetSequence()-1], Hashes: wireHashes(proof)}, err
}

func (f *fake) GetConsistencyProof(_ context.Context, r *auditv1.GetConsistencyProofRequest) (*auditv1.GetConsistencyProofResponse, error) {
	proof, err := tlog.ProveTree(int64(r.GetNewSize()), int64(r.GetOldSize()), f.log)
	return &auditv1.GetConsistencyProofResponse{Hashes: wireHashes(proof)}, err
}

func (f *fake) ExportEntries(_ context.Context, r *auditv1.ExportEntriesRequest) (*auditv1.ExportEntriesResponse, error) {
	last := min(r.GetAfter()+2, r.GetTreeSize(), uint64(len(f.log.leaves))) // small pages
	return &auditv1.ExportEntriesResponse{Leaves: f.log.leaves[min(r.GetAfter(), last):last]}, nil
}
