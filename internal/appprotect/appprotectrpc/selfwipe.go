package appprotectrpc

import (
	"google.golang.org/protobuf/proto"

	"ringfence/internal/appprotect"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const (
	// selfWipeFormat is how every self-wipe begins, so that nothing else that is
	// signed with the same key can be taken for one.
	selfWipeFormat = "ringfence.appprotect.selfwipe.v1"
	// maxSelfWipe and maxSignature bound what is read, in bytes.
	maxSelfWipe  = 4096
	maxSignature = 1024

	selfWipeField = "self_wipe.content"
)

var selfWipeCauses = map[appprotectv1.SelfWipeCause]appprotect.SelfWipeCause{
	appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_LEASE: appprotect.SelfWipeLease,
	appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_PIN:   appprotect.SelfWipePIN,
}

// selfWipeFromWire reads what an app has signed of itself. Whether it is the
// caller's, and whether the signature holds under the chain, is for the slice to
// say. A cause that the slice does not know becomes none.
func selfWipeFromWire(w *appprotectv1.SignedSelfWipe, chain [][]byte) (*appprotect.SelfWipe, error) {
	if n := len(w.GetSignature()); n == 0 || n > maxSignature {
		return nil, fault.InvalidField("self_wipe.signature", "must have 1 to %d bytes", maxSignature)
	}
	m, err := parseSelfWipe(w.GetContent())
	if err != nil {
		return nil, err
	}
	finished, err := timeFromWire(m.GetFinishedAt(), selfWipeField)
	if err != nil || finished.IsZero() {
		return nil, badSelfWipe("does not say when")
	}
	return &appprotect.SelfWipe{
		ID: device.ID(m.GetRegistrationId()), Epoch: device.Epoch(m.GetEpoch()),
		Cause: selfWipeCauses[m.GetCause()], LeaseNumber: m.GetLeaseNumber(), PolicyRevision: m.GetPolicyRevision(),
		FinishedAt: finished, Files: m.GetFilesRemoved(), Bytes: m.GetBytesRemoved(),
		Content: w.GetContent(), Signature: w.GetSignature(), Chain: chain,
	}, nil
}

func badSelfWipe(problem string) error { return fault.InvalidField(selfWipeField, "%s", problem) }

func parseSelfWipe(content []byte) (*appprotectv1.SelfWipe, error) {
	if len(content) == 0 || len(content) > maxSelfWipe {
		return nil, fault.InvalidField(selfWipeField, "must have 1 to %d bytes", maxSelfWipe)
	}
	m := &appprotectv1.SelfWipe{}
	if err := proto.Unmarshal(content, m); err != nil {
		return nil, badSelfWipe("cannot be read")
	}
	if m.GetFormat() != selfWipeFormat {
		return nil, badSelfWipe("has another format")
	}
	// What nobody here can read must not be kept as somebody's word.
	if len(m.ProtoReflect().GetUnknown()) > 0 || len(m.GetFinishedAt().ProtoReflect().GetUnknown()) > 0 {
		return nil, badSelfWipe("has a field that is not known here")
	}
	return m, nil
}
