package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHideTyping: a terminal shows nothing of a PIN, and is as before afterwards.
func TestHideTyping(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this system has no terminals: %v", err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("this system has no terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this system has no terminals: %v", err)
	}
	defer terminal.Close()
	shows := func() bool {
		t.Helper()
		state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return state.Lflag&unix.ECHO != 0
	}
	if !shows() {
		t.Fatal("a new terminal shows nothing")
	}
	show, err := hideTyping(terminal)
	if err != nil || shows() {
		t.Errorf("it shows what is typed: %v", err)
	}
	show()
	if !shows() {
		t.Error("it shows nothing afterwards")
	}
	if show, err = hideTyping(strings.NewReader("")); err != nil {
		t.Errorf("what is no terminal: %v", err)
	}
	show()
}
