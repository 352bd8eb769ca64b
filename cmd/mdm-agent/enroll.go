package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
)

const maxSmallFile = 256 << 10

type enrollFlags struct {
	server, token, tokenFile, ca, caPin string
	model, osVersion, mode              string
}

func (p *program) enrollCommand() *cobra.Command {
	var f enrollFlags
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "Join a server with an enrolment token",
		Long: `enroll makes the phone, if there is none in the folder yet, and joins a server.
What the folder holds already stays.

The token is best given with --token-file or in MDM_TOKEN, where other users of
the machine do not see it. If the answer is lost on the way, run the same command
again within ten minutes: the server knows the request again.`,
		Example: `  MDM_TOKEN=... mdm-agent enroll --phone ./phone --server mdm.example.com:8443 --ca-pin sha256:...`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.enroll(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "address of the server, host:port")
	flags.StringVar(&f.token, "token", "", "the enrolment token (seen by others in the process list: prefer one of the other two)")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the enrolment token, - for standard input (or env MDM_TOKEN)")
	flags.StringVar(&f.ca, "ca", "", "file with the server's root certificate, PEM")
	flags.StringVar(&f.caPin, "ca-pin", "", "SHA-256 of the server's root certificate (DER): sha256: and 64 hex digits")
	flags.StringVar(&f.model, "model", "", `model of the phone, for example "Pixel 9"`)
	flags.StringVar(&f.osVersion, "os-version", "", "Android version, for example 16")
	flags.StringVar(&f.mode, "mode", "work-profile", "work-profile, fully-managed or dedicated; as the token says")
	return cmd
}

func (p *program) enroll(cmd *cobra.Command, f enrollFlags) error {
	o, err := p.enrollOptions(cmd, f)
	if err != nil {
		return err
	}
	return p.agent(true, func(d *phone.Phone, a *agent.Agent) error {
		changes := map[string]string{}
		for key, value := range map[string]string{"model": f.model, "os.version": f.osVersion} {
			if value != "" {
				changes[key] = value
			}
		}
		if len(changes) > 0 {
			if err := d.Set(changes); err != nil {
				return usageError{err}
			}
		}
		s, err := d.Settings()
		if err != nil {
			return err
		}
		o.Model, o.OSVersion = s.Model, s.OSVersion
		e, err := a.Enroll(cmd.Context(), o)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.env.stdout, "enrolled as device %s, epoch %d: %s phone, %s\n", e.DeviceID, e.Epoch, e.Ownership, e.Mode)
		fmt.Fprintf(p.env.stdout, "next: mdm-agent run --phone %s\n", p.dir)
		return nil
	})
}

func (p *program) enrollOptions(cmd *cobra.Command, f enrollFlags) (session.EnrollOptions, error) {
	o := session.EnrollOptions{Server: f.server, Pin: f.caPin, Mode: f.mode}
	if f.server == "" {
		return o, usagef("which server? Give --server host:port")
	}
	if (f.ca == "") == (f.caPin == "") {
		return o, usagef("give one of --ca FILE and --ca-pin sha256:...: without it the phone cannot know its server")
	}
	var err error
	if o.Token, err = p.token(cmd, f); err != nil {
		return o, err
	}
	if f.ca != "" {
		file, err := os.Open(f.ca)
		if err != nil {
			return o, err
		}
		defer file.Close()
		if o.Roots, err = io.ReadAll(io.LimitReader(file, maxSmallFile)); err != nil {
			return o, err
		}
		if len(o.Roots) == 0 {
			return o, fmt.Errorf("%s is empty", f.ca)
		}
	}
	return o, nil
}

// token finds the token: the flag, the file, or the environment.
func (p *program) token(cmd *cobra.Command, f enrollFlags) (string, error) {
	switch {
	case f.token != "" && f.tokenFile != "":
		return "", usagef("give one of --token and --token-file")
	case f.token != "":
		return f.token, nil
	case f.tokenFile == "":
		if token := p.env.getenv("MDM_TOKEN"); token != "" {
			return token, nil
		}
		return "", usagef("an enrolment token is needed: --token-file FILE, MDM_TOKEN or --token")
	}
	in := cmd.InOrStdin()
	if f.tokenFile != "-" {
		file, err := os.Open(f.tokenFile)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSmallFile))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", errors.New("the token file is empty")
	}
	return token, nil
}
