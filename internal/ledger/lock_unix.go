//go:build unix

package ledger

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/idag/idag/internal/fault"
)

// acquire locks a file for as long as it is open. The lock goes with the
// process, so that a crash leaves none behind.
func acquire(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fault.New(fault.Invalid, "ledger: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 64))
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fault.New(fault.Invalid, "the job is being run already, by %s: it holds %s", strings.TrimSpace(string(holder)), path)
		} else {
			err = fault.New(fault.Invalid, "ledger: locking %s: %w", path, err)
		}
		return nil, errors.Join(err, f.Close())
	}
	// Only for people: who holds it.
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, "ledger: %w", err), f.Close())
	}
	return f, nil
}
