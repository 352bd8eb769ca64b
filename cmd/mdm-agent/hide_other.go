//go:build !linux

package main

import (
	"errors"
	"io"
	"os"
)

// hideTyping refuses terminals: here it cannot keep them from showing a PIN.
func hideTyping(in io.Reader) (show func(), err error) {
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return nil, errors.New("this terminal would show the PIN: give it in a file or in the environment")
		}
	}
	return func() {}, nil
}
