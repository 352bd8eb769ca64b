package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	"ringfence/internal/receiptfile"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// unconfirmed labels what a phone has committed itself to and not confirmed.
// Whatever the state, that is not success.
const unconfirmed = "committed, not confirmed"

// wipeState names the state of an order, and says so where the phone has
// committed itself and no receipt has come.
func wipeState(o *wipev1.Order) string {
	state := enumname.Of(o.GetState())
	if o.GetConfirmation() == wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED {
		return state + " (" + unconfirmed + ")"
	}
	return state
}

// withReceipt adds to "get wipes" what shows the receipt of one order.
func (a *app) withReceipt(cmd *cobra.Command) *cobra.Command {
	var receipt bool
	var dir string
	cmd.Flags().BoolVar(&receipt, "receipt", false, "of one order: verify what the phone has signed, and show it")
	cmd.Flags().StringVar(&dir, "dir", "", "with --receipt: write it to this new folder, for openssl to verify")
	cmd.Example = "  mdmctl get wipes --device ID\n  mdmctl get wipe ID --receipt --dir receipt"
	list := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case !receipt && dir != "":
			return usagef("--dir goes with --receipt")
		case !receipt:
			return list(cmd, args)
		case len(args) != 1:
			return usagef("--receipt is of one order: name it")
		}
		return a.calling(func(ctx context.Context, c *client, args []string) error {
			return a.showReceipt(ctx, c, args[0], dir)
		})(cmd, args)
	}
	return cmd
}

// showReceipt verifies what a phone has signed, here and not on the server, and
// shows it. What does not verify is not shown.
func (a *app) showReceipt(ctx context.Context, c *client, id, dir string) error {
	r, err := c.wipe.GetWipeReceipt(ctx, &wipev1.GetWipeReceiptRequest{Id: id})
	if err != nil {
		return fmt.Errorf("wipe %q: %w", id, err)
	}
	b, err := receiptfile.New(r, a.now())
	if err != nil {
		return fmt.Errorf("wipe %q: %w", id, err)
	}
	if b.Order.GetId() != id {
		return fmt.Errorf("wipe %q: the server sent what was signed for another order", id)
	}
	if dir != "" {
		if err := writeNew(dir, b.Files); err != nil {
			return fmt.Errorf("wipe %q: %w", id, err)
		}
	}
	if a.forPrograms() {
		return a.writeMessage(r)
	}
	if err := a.receiptSheet(b); err != nil {
		return err
	}
	if dir != "" {
		fmt.Fprintf(a.out, "\nThe files are in %s. %s there says how to verify them with openssl.\n", printable(dir), receiptfile.Readme)
	} else {
		fmt.Fprintf(a.out, "\nWith --dir FOLDER it is written down, for openssl to verify.\n")
	}
	return nil
}

func (a *app) receiptSheet(b receiptfile.Bundle) error {
	now, o := a.now(), b.Order
	s := &sheet{w: a.out}
	s.field("Wipe", o.GetId())
	s.field("Device", fmt.Sprintf("%s (epoch %d)", o.GetDeviceId(), o.GetEpoch()))
	s.field("Scope", orderScope(o))
	if l := o.GetLease(); l != nil {
		s.field("Lease", fmt.Sprintf("number %d: by itself, after %s out of contact", l.GetNumber(), exact(l.GetWipeAfter())))
	}
	if b.Receipt == nil {
		s.field("Verified", "the order, the commitment")
		s.field("Standing", unconfirmed+": this is no proof that anything was removed")
	} else {
		verified := "the order, the receipt"
		if b.Commitment != nil {
			verified = "the order, the commitment, the receipt"
		}
		s.field("Verified", verified)
		s.field("Standing", "confirmed")
	}
	if c := b.Commitment.GetCommitment(); c != nil {
		s.field("Committed", moment(c.GetCommittedAt(), now)+": "+amounts(c.GetFiles(), c.GetKeys(), c.GetCertificates()))
	}
	if r := b.Receipt.GetCompletion().GetReceipt(); r != nil {
		s.field("Removed", moment(r.GetFinishedAt(), now)+": "+amounts(r.GetFilesRemoved(), r.GetKeysRemoved(), r.GetCertificatesRemoved()))
	}
	s.field("Root", fmt.Sprintf("sha256 %x: compare it with the one that was published", b.RootSHA256))
	return s.flush()
}

func amounts(files, keys, certificates uint64) string {
	return count(files, "file") + ", " + count(keys, "key") + ", " + count(certificates, "certificate")
}

// writeNew writes files into a folder that it makes.
func writeNew(dir string, files map[string][]byte) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		if errors.Is(err, os.ErrExist) {
			return usagef("%s is there already: name a new folder", dir)
		}
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}
