package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/lease"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// view is what show prints; as JSON it is for programs, so that names in it
// stay.
type view struct {
	Enrollment   *enrollmentView   `json:"enrollment,omitempty"`
	Former       *session.Former   `json:"former,omitempty"`
	Settings     phone.Settings    `json:"settings"`
	Posture      json.RawMessage   `json:"posture"`
	Revision     string            `json:"revision"`
	Results      []resultView      `json:"results"`
	Conflicts    []json.RawMessage `json:"conflicts,omitempty"`
	TrustedRoots []rootView        `json:"trustedRoots"`
	Certificates []certificateView `json:"certificates"`
	VPNs         []json.RawMessage `json:"vpns"`
	Status       session.Status    `json:"status"`
	Wipes        wipe.Journal      `json:"wipes"`
	Lease        *leaseView        `json:"lease,omitempty"`
	WorkLock     phone.WorkLock    `json:"workLock"`
	GivenUp      *phone.GivenUp    `json:"givenUp,omitempty"`
	Personal     phone.Digest      `json:"personal"`
	Work         phone.Digest      `json:"work"`

	verdict *compliancev1.Verdict
	vpns    []*compliancev1.VpnRule
}

type enrollmentView struct {
	Server     string         `json:"server"`
	DeviceID   string         `json:"deviceId"`
	Epoch      uint64         `json:"epoch"`
	Ownership  string         `json:"ownership"`
	Mode       string         `json:"mode"`
	EnrolledAt time.Time      `json:"enrolledAt"`
	Ended      *session.Ended `json:"ended,omitempty"`
	// Certificate is the device certificate.
	Certificate certificateView `json:"certificate"`
}

// leaseView is how long the phone may be out of contact, and how long it is.
// Times are in seconds.
type leaseView struct {
	Number      uint64        `json:"number"`
	LockAfter   float64       `json:"lockAfter,omitempty"`
	WipeAfter   float64       `json:"wipeAfter,omitempty"`
	LastContact time.Time     `json:"lastContact,omitzero"`
	Silence     float64       `json:"silence"`
	Locked      *lease.Locked `json:"locked,omitempty"`
	// HoldsOrder is true when the phone has the order to wipe the work side.
	HoldsOrder bool `json:"holdsOrder"`
}

type resultView struct {
	Setting string `json:"setting"`
	// Status is "applied", "pending", "failed" or "unsupported".
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}

type rootView struct {
	Name     string    `json:"name"`
	Subject  string    `json:"subject"`
	SHA256   string    `json:"sha256"`
	NotAfter time.Time `json:"notAfter"`
}

type certificateView struct {
	Alias    string    `json:"alias,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Serial   string    `json:"serial,omitempty"`
	NotAfter time.Time `json:"notAfter,omitzero"`
	RenewAt  time.Time `json:"renewAfter,omitzero"`
	// Waiting is true while it, or its successor, is being asked for.
	Waiting bool `json:"waiting,omitempty"`
}

func (p *program) showCommand() *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the phone",
		Long: `show tells where the phone is enrolled, how it is, what policy asks of it and how
far that is, the last verdict and its reasons, its lease and its last contact,
whether the work side is locked, its wipes, and a digest of the files on each side. It changes nothing, and no key is shown.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if output != "text" && output != "json" {
				return usagef("-o %s: want text or json", output)
			}
			d, err := p.open(false)
			if err != nil {
				return err
			}
			defer d.Close()
			v, err := look(d)
			if err != nil {
				return err
			}
			if output == "json" {
				encoder := json.NewEncoder(p.env.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(v)
			}
			return v.print(p.env.stdout, d.Now())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return cmd
}

// rawOf gives a message as JSON.
func rawOf(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.Marshal(m)
	return json.RawMessage(raw), err
}
