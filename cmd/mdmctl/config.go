package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"ringfence/internal/ctlconfig"
)

func (a *app) configCommand() *cobra.Command {
	return groupCommand("config", "Choose and change the servers that mdmctl knows",
		a.getContexts(), a.useContext(), a.setContext(), a.deleteContext(), a.currentContext(), a.viewConfig())
}

// load gives the configuration, an empty one where there is no file yet.
func (a *app) load() (string, ctlconfig.Config, error) {
	path, err := a.path()
	if err != nil {
		return "", ctlconfig.Config{}, err
	}
	config, err := ctlconfig.Load(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, ctlconfig.Config{}, nil
	}
	if err != nil {
		return "", ctlconfig.Config{}, usageError{err}
	}
	a.warnExposed(path)
	return path, config, nil
}

func (a *app) getContexts() *cobra.Command {
	return &cobra.Command{
		Use:     "get-contexts",
		Aliases: []string{"contexts"},
		Short:   "List the contexts",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, config, err := a.load()
			if err != nil {
				return err
			}
			if a.format == "name" {
				for _, x := range config.Contexts {
					fmt.Fprintln(a.out, printable(x.Name))
				}
				return nil
			}
			current, _ := config.Current() // none is current otherwise
			type x = ctlconfig.Context
			return writeTable(a.out, []column[x]{
				{"CURRENT", false, func(m x) string { return map[bool]string{true: "*"}[m.Name == current.Name] }},
				{"NAME", false, func(m x) string { return m.Name }},
				{"SERVER", false, func(m x) string { return m.Server }},
			}, config.Contexts, !a.noHeaders)
		},
	}
}

func (a *app) useContext() *cobra.Command {
	return &cobra.Command{
		Use:               "use-context NAME",
		Short:             "Make a context the current one",
		Args:              oneName,
		ValidArgsFunction: a.contextNames,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.change(func(config *ctlconfig.Config) error {
				if _, err := config.Find(args[0]); err != nil {
					return notFoundError{err}
				}
				config.CurrentContext = args[0]
				return nil
			}, fmt.Sprintf("current context is %s", args[0]))
		},
	}
}

func (a *app) deleteContext() *cobra.Command {
	return &cobra.Command{
		Use:               "delete-context NAME",
		Short:             "Forget a context, and the credential in it",
		Args:              oneName,
		ValidArgsFunction: a.contextNames,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.change(func(config *ctlconfig.Config) error {
				if !config.Remove(args[0]) {
					return notFoundError{fmt.Errorf("%w: %q", ctlconfig.ErrNoContext, args[0])}
				}
				return nil
			}, fmt.Sprintf("context %s is gone", args[0]))
		},
	}
}

// change reads, changes and writes the file.
func (a *app) change(fn func(*ctlconfig.Config) error, done string) error {
	path, config, err := a.load()
	if err != nil {
		return err
	}
	if err := fn(&config); err != nil {
		return err
	}
	if err := ctlconfig.Save(path, config); err != nil {
		return usageError{err}
	}
	fmt.Fprintln(a.out, printable(done))
	return nil
}

func (a *app) currentContext() *cobra.Command {
	return &cobra.Command{
		Use:   "current-context",
		Short: "Print the name of the current context",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, config, err := a.load()
			if err != nil {
				return err
			}
			current, err := config.Find(a.contextName)
			if err != nil {
				return notFoundError{err}
			}
			fmt.Fprintln(a.out, printable(current.Name))
			return nil
		},
	}
}

// withheld stands for a key in what is printed.
const withheld = "WITHHELD"

func (a *app) viewConfig() *cobra.Command {
	return &cobra.Command{
		Use:         "view",
		Short:       "Print the configuration, without its keys",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: "yaml"},
		RunE: func(*cobra.Command, []string) error {
			_, config, err := a.load()
			if err != nil {
				return err
			}
			for i := range config.Contexts {
				if config.Contexts[i].Key != "" {
					config.Contexts[i].Key = withheld
				}
			}
			e := yaml.NewEncoder(a.out)
			e.SetIndent(2)
			if err := e.Encode(config); err != nil {
				return err
			}
			return e.Close()
		},
	}
}

func (a *app) setContext() *cobra.Command {
	var given ctlconfig.Context
	var embed, current bool
	cmd := &cobra.Command{
		Use:     "set-context NAME",
		Short:   "Add a context, or change what is named",
		Example: "  mdmctl config set-context lab --server mdm.example.com --ca ca.pem --certificate me.pem --key me.key --embed --current",
		Args:    oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&given.Server, "server", "", "host or host:port of the admin listener")
	flags.StringVar(&given.DeviceServer, "device-server", "", "host or host:port of the device listener, for enrolment")
	flags.StringVar(&given.CAFile, "ca", "", "file with the authority to trust, PEM")
	flags.StringVar(&given.CertificateFile, "certificate", "", "file with the client certificate, PEM")
	flags.StringVar(&given.KeyFile, "key", "", "file with the client key, PEM")
	flags.BoolVar(&embed, "embed", false, "copy the files' texts into the configuration")
	flags.BoolVar(&current, "current", false, "make it the current context")
	cmd.ValidArgsFunction = a.contextNames
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return a.change(func(config *ctlconfig.Config) error {
			x, err := config.Find(args[0])
			if err != nil {
				x = ctlconfig.Context{Name: args[0]}
			}
			if err := merge(&x, given, embed); err != nil {
				return usageError{err}
			}
			config.Set(x)
			if current || len(config.Contexts) == 1 {
				config.CurrentContext = x.Name
			}
			return nil
		}, fmt.Sprintf("context %s is set", args[0]))
	}
	return cmd
}

// merge puts what is given into x, files by their whole paths.
func merge(x *ctlconfig.Context, given ctlconfig.Context, embed bool) error {
	for _, p := range []struct{ to, from *string }{{&x.Server, &given.Server}, {&x.DeviceServer, &given.DeviceServer}} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
	for _, p := range []struct{ text, file, from *string }{
		{&x.CA, &x.CAFile, &given.CAFile},
		{&x.Certificate, &x.CertificateFile, &given.CertificateFile},
		{&x.Key, &x.KeyFile, &given.KeyFile},
	} {
		if *p.from == "" {
			continue
		}
		path, err := filepath.Abs(*p.from)
		if err != nil {
			return err
		}
		*p.text, *p.file = "", path
	}
	if !embed {
		return nil
	}
	whole, err := x.Resolve("")
	if err != nil {
		return err
	}
	*x = whole
	return nil
}
