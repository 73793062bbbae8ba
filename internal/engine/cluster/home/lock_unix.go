//go:build unix

package home

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks a file for as long as it is open, and reports whether it could: another
// process, or another opening in this one, may have the lock.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
