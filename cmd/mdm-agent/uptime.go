package main

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"time"
)

// newUptime gives the clock that nobody can set: where the system tells for how
// long it runs and names that run, asleep or not, it is that; elsewhere it counts
// since the program began, so that each run counts as another life of the phone.
func newUptime() func() (boot string, up time.Duration) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	own, began := hex.EncodeToString(b[:]), time.Now()
	return func() (string, time.Duration) {
		if boot, up, ok := systemUptime("/proc/sys/kernel/random/boot_id", "/proc/uptime"); ok {
			return boot, up
		}
		return own, time.Since(began)
	}
}

// systemUptime reads what Linux tells of itself.
func systemUptime(bootFile, uptimeFile string) (boot string, up time.Duration, ok bool) {
	id, err := os.ReadFile(bootFile)
	if err != nil {
		return "", 0, false
	}
	text, err := os.ReadFile(uptimeFile)
	if err != nil {
		return "", 0, false
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	boot = strings.TrimSpace(string(id))
	if err != nil || boot == "" || !(seconds >= 0 && seconds < 1e9) { // NaN is neither
		return "", 0, false
	}
	return boot, time.Duration(seconds * float64(time.Second)), true
}
