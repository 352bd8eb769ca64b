// Command mdmctl is the administrators' command line of Ringfence.
//
// Exit codes: 0 done; 1 failed; 2 the command line or a file is wrong; 3 not
// found; 4 refused: in this state, by role or limits, or by a conflict; 5 the
// server cannot be reached or does not accept the credential; 6 what was waited for did not come in time;
// 130 interrupted.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build; "dev" otherwise.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; tests call it as main does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(stdin, stdout, stderr).run(ctx, args)
}
