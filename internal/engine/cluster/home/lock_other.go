//go:build !unix

package home

import (
	"errors"
	"os"
)

// tryLock says that a driver needs a system with flock.
func tryLock(*os.File) (bool, error) {
	return false, errors.New("this system has no locks that go with their process; a driver needs one that has")
}
