package files

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBack begins to write a file to the disk and does not wait for it, so that who makes
// it durable later waits less. It promises nothing.
func writeBack(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
