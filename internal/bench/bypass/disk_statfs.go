//go:build linux || darwin || freebsd

package bypass

import "golang.org/x/sys/unix"

// freeBytes returns how much the disk of a directory has left for this user.
func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
