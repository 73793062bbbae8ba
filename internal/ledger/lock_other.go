//go:build !unix

package ledger

import (
	"errors"
	"io"
	"os"

	"github.com/idag/idag/internal/fault"
)

// acquire makes a file that must not be there. After a crash it stays and has
// to be removed by hand.
func acquire(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fault.New(fault.Invalid, "the job is being run already: a process holds %s; if there is none, remove the file", path)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "ledger: %w", err)
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, "ledger: %w", err), f.Close(), os.Remove(path))
	}
	return held{f, path}, nil
}

type held struct {
	*os.File
	path string
}

func (h held) Close() error { return errors.Join(h.File.Close(), os.Remove(h.path)) }
