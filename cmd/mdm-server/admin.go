package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/ctlconfig"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
)

// firstAdministrator makes a credential where there was never one, or where a
// crash has kept the first from being written, and says where it is; the
// credential itself goes to the file and nowhere else.
func (p *parts) firstAdministrator(ctx context.Context, at addresses) error {
	path := filepath.Join(p.config.Data, "admin", "mdmctl.yaml")
	has, err := p.enroll.HasAdministrators(ctx)
	if err != nil || has && !unfinished(path) {
		return err
	}
	// An owner: there is nobody else yet to ask.
	first := enroll.Appointment{Name: "admin", Role: identity.Owner}
	if err := p.newAdministrator(ctx, first, path, at); err != nil {
		return fmt.Errorf("first administrator: %w", err)
	}
	p.log.LogAttrs(ctx, slog.LevelInfo, "the first administrator's credential was written", slog.String("path", path))
	return nil
}

// draft is where a credential is while nobody has vouched for it yet.
func draft(path string) string { return path + ".part" }

// unfinished reports whether a credential was begun and is not there.
func unfinished(path string) bool {
	_, begun := os.Lstat(draft(path))
	_, there := os.Lstat(path)
	return begun == nil && errors.Is(there, fs.ErrNotExist)
}

// newAdministrator issues a credential and writes it as a configuration of
// mdmctl, readable by its owner only. An existing file is not overwritten.
//
// All but the certificate is written before it is issued: what keeps the file
// from being written must show before the administrator is on record, or the
// record would hold one whose credential nobody has.
func (p *parts) newAdministrator(ctx context.Context, as enroll.Appointment, path string, at addresses) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already: move it away, or choose another file", path)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	credential := ctlconfig.Context{
		Name:         "default",
		Server:       p.config.reachable(at.Admin, defaultConfig().AdminListen),
		DeviceServer: p.config.reachable(at.Device, defaultConfig().DeviceListen),
		CA:           pemText("CERTIFICATE", p.authority.Roots()...),
		Key:          pemText("PRIVATE KEY", secret),
	}
	save := saveCredential
	if as.Role == identity.Gateway {
		save = savePEM
	}
	if err := save(draft(path), credential); err != nil {
		return err
	}
	_, grant, err := p.enroll.CreateAdministrator(ctx, as, csr)
	if err != nil {
		return errors.Join(err, os.Remove(draft(path)))
	}
	credential.Certificate = pemText("CERTIFICATE", grant.Chain...)
	if err := save(path, credential); err != nil {
		return err
	}
	return os.Remove(draft(path))
}

// savePEM writes a credential as proxies read it: certificate, key, and the
// authority to trust, in one file.
func savePEM(path string, c ctlconfig.Context) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(c.Certificate + c.Key + c.CA)
	return errors.Join(err, f.Sync(), f.Close())
}

func saveCredential(path string, c ctlconfig.Context) error {
	return ctlconfig.Save(path, ctlconfig.Config{CurrentContext: c.Name, Contexts: []ctlconfig.Context{c}})
}

// reachable turns the address of a listener into one a client can call: one
// that listens everywhere is reached under the server's first name. Of a
// listener that is off, the usual address is a better guess than none: another
// server may have it open.
func (c *Config) reachable(listen, usual string) string {
	if listen == "" || listen == off {
		listen = usual
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
		if len(c.ServerNames) > 0 {
			host = c.ServerNames[0]
		}
	}
	return net.JoinHostPort(host, port)
}

func pemText(kind string, ders ...[]byte) string {
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return string(text)
}

// adminCommand makes, lists and revokes administrators on the server itself:
// whoever can read the certificate authority's keys needs no other permission.
func adminCommand(cfg *Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Make, list and revoke administrators' credentials",
		Long: "Make, list and revoke administrators' credentials, on the server itself: no\n" +
			"call over the network can. With SQLite stop the server first: the database has\n" +
			"one writer.",
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List administrators' credentials",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd, cfg, func(p *parts) error { return p.listAdministrators(cmd.Context(), cmd.OutOrStdout()) })
		},
	}
	revoke := &cobra.Command{
		Use:   "revoke SERIAL",
		Short: "Revoke a credential",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withParts(cmd, cfg, func(p *parts) error {
				a, err := p.enroll.RevokeAdministrator(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the credential %s of %s is revoked\n", a.Serial, a.Name)
				return err
			})
		},
	}
	cmd.AddCommand(createAdministrator(cfg), list, revoke)
	return cmd
}

// withParts runs do with everything but the listeners.
func withParts(cmd *cobra.Command, cfg *Config, do func(*parts) error) error {
	if !hasAuthority(*cfg) {
		return fmt.Errorf("--data: there is no installation in %s; it is made by the server's first start", cfg.Data)
	}
	p, err := assemble(cmd.Context(), *cfg, newLogger(*cfg, cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.close())
}

// configured are the addresses as configured, for a server that is not running.
func (p *parts) configured() addresses {
	return addresses{Device: p.config.DeviceListen, Admin: p.config.AdminListen}
}

func (p *parts) listAdministrators(ctx context.Context, out io.Writer) error {
	all, err := p.enroll.ListAdministrators(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERIAL\tNAME\tROLE\tPERSON\tGROUPS\tCREATED\tEXPIRES\tREVOKED")
	for _, a := range all {
		revoked := "-"
		if !a.RevokedAt.IsZero() {
			revoked = a.RevokedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Serial, a.Name, a.Role, a.Person,
			cmp.Or(strings.Join(a.Groups, ","), "all"), a.CreatedAt.Format(time.RFC3339), a.ExpiresAt.Format(time.RFC3339), revoked)
	}
	return w.Flush()
}
