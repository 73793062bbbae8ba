//go:build unix

package files

import (
	"os"
	"syscall"
)

// lockDir takes the lock of a directory, which ends with the process. It fails
// at once when another holds it.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
