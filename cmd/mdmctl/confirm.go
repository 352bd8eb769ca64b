package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// isTerminal reports whether a person may sit at in. A device such as
// /dev/null passes too: it then answers nothing, which is no.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// confirm asks before something is done that cannot be undone. Without a person
// to ask it wants --yes.
func (a *app) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	answer, err := a.askPerson(ctx, question+" [y/N]")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// confirmTyped wants a name typed back, where a yes comes too easily.
func (a *app) confirmTyped(ctx context.Context, question, name string) error {
	answer, err := a.askPerson(ctx, question)
	if err != nil {
		return err
	}
	if answer != name {
		return errNotConfirmed
	}
	return nil
}

var errNotConfirmed = errors.New("not confirmed: nothing was done")

// askPerson gives the line that is typed at a prompt, without the space around
// it.
func (a *app) askPerson(ctx context.Context, prompt string) (string, error) {
	if !a.asks {
		return "", usagef("nobody is there to confirm: repeat with --yes")
	}
	fmt.Fprintf(a.err, "%s ", prompt)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n') // an error confirms nothing
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line), nil
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return "", ctx.Err()
	}
}
