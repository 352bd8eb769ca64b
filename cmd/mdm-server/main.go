// Command mdm-server is the Ringfence server: it enrols phones, pushes policy,
// judges whether they are fit, and takes the company's data back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// version is set by the build; "dev" otherwise.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mdm-server:", err)
		os.Exit(exitCode(err))
	}
}

// usageError is a command line that cannot be right.
type usageError struct{ error }

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// run is the whole program; tests call it as main does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg := defaultConfig()
	root := &cobra.Command{
		Use:   "mdm-server",
		Short: "Enrol phones, push policy, judge them, take the work side back",
		Long: "mdm-server keeps everything in one folder and needs no configuration:\n" +
			"SQLite, a certificate authority of its own, and the first administrator's\n" +
			"credential are made on the first start. Every flag may also be given as an\n" +
			"environment variable: --device-listen as MDM_DEVICE_LISTEN.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cfg, stderr, nil)
		},
	}
	cfg.flags(root.PersistentFlags())
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := fromEnvironment(root.PersistentFlags(), os.LookupEnv); err != nil {
			return usageError{err}
		}
		if err := cfg.check(); err != nil {
			return usageError{err}
		}
		return nil
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(adminCommand(&cfg), scimTokenCommand(&cfg), auditCommand(&cfg), checkCommand(&cfg), healthcheckCommand(&cfg))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// checkCommand tests the configuration without running anything.
func checkCommand(cfg *Config) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and exit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := cfg.Notices.channels("", nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the configuration is sound")
			return err
		},
	}
}

// healthcheckCommand asks a running server whether it is ready: the probe of
// a container that has no shell.
func healthcheckCommand(cfg *Config) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on this machine whether it is ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cfg.OpsListen+"/readyz", nil)
			if err != nil {
				return fmt.Errorf("--ops-listen: %w", err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", res.Status)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return err
		},
	}
}

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func newLogger(c Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevels[c.LogLevel]}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// buildInfo names the build in the first log line.
func buildInfo() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return version + " " + info.GoVersion
	}
	return version
}
