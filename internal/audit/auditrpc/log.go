package auditrpc

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	auditv1 "ringfence/proto/mdm/audit/v1"
)

// mostLeaves is how many leaves one answer holds at most.
const mostLeaves = 1000

// GetHead gives a signed head of every entry there is now.
func (s *Server) GetHead(ctx context.Context, _ *auditv1.GetHeadRequest) (*auditv1.GetHeadResponse, error) {
	signed, err := s.heads.Head(ctx)
	if err != nil {
		return nil, err
	}
	return &auditv1.GetHeadResponse{Note: signed, VerifierKey: s.heads.VerifierKey()}, nil
}

// GetInclusionProof proves that an entry is in a tree.
func (s *Server) GetInclusionProof(ctx context.Context, req *auditv1.GetInclusionProofRequest) (*auditv1.GetInclusionProofResponse, error) {
	leaf, proof, err := s.record.Inclusion(ctx, req.GetSequence(), req.GetTreeSize())
	if err != nil {
		return nil, err
	}
	return &auditv1.GetInclusionProofResponse{Leaf: leaf, Hashes: hashes(proof)}, nil
}

// GetConsistencyProof proves that one tree is the beginning of another.
func (s *Server) GetConsistencyProof(ctx context.Context, req *auditv1.GetConsistencyProofRequest) (*auditv1.GetConsistencyProofResponse, error) {
	proof, err := s.record.Consistency(ctx, req.GetOldSize(), req.GetNewSize())
	if err != nil {
		return nil, err
	}
	return &auditv1.GetConsistencyProofResponse{Hashes: hashes(proof)}, nil
}

// ExportEntries gives the next leaves of a tree.
func (s *Server) ExportEntries(ctx context.Context, req *auditv1.ExportEntriesRequest) (*auditv1.ExportEntriesResponse, error) {
	most := int(req.GetPageSize())
	if most == 0 {
		most = mostLeaves
	}
	leaves, err := s.record.Leaves(ctx, req.GetAfter(), req.GetTreeSize(), most)
	if err != nil {
		return nil, err
	}
	return &auditv1.ExportEntriesResponse{Leaves: leaves}, nil
}

func hashes(proof []tlog.Hash) [][]byte {
	out := make([][]byte, len(proof))
	for i, h := range proof {
		out[i] = h[:]
	}
	return out
}
