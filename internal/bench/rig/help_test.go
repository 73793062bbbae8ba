package rig

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

const stop = syscall.SIGSTOP

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

// until waits for something that happens soon.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}
