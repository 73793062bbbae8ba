//go:build unix && !linux

package files

import (
	"os"
	"syscall"
)

// stampAndTag returns the stamp of a regular file and what tells it from another
// that takes its name.
func stampAndTag(path string) (stamp, string, error) {
	s, err := statFile(path)
	if err != nil {
		return s, "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, "", WrapOpen(path, err)
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		return s, tagOf(sys.Ino, 0), nil
	}
	return s, "", nil
}
