package files

import (
	"os"

	"golang.org/x/sys/unix"
)

// stampAndTag returns the stamp of a regular file and what tells it from another
// that takes its name: the number of the inode, which may be used again, and
// when it was made, where the file system knows that.
func stampAndTag(path string) (stamp, string, error) {
	s, err := statFile(path)
	if err != nil {
		return s, "", err
	}
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &x); err != nil {
		return s, "", WrapOpen(path, &os.PathError{Op: "statx", Path: path, Err: err})
	}
	return s, tagOf(x.Ino, x.Btime.Sec*1e9+int64(x.Btime.Nsec)), nil
}
