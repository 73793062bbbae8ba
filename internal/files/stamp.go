package files

import (
	"os"
	"strconv"

	"github.com/idag/idag/internal/fault"
	"github.com/zeebo/xxh3"
)

// stamp tells a file from what it may have become since.
type stamp struct {
	Size int64  `json:"size"`
	Time int64  `json:"time"`           // of its last change, nanoseconds since 1970
	ETag string `json:"etag,omitempty"` // of an object, which changes as a whole
}

func stampOf(info os.FileInfo) stamp {
	return stamp{Size: info.Size(), Time: info.ModTime().UnixNano()}
}

// statFile returns the stamp of a regular file. Others are refused: to open a
// pipe would wait for its other end.
func statFile(path string) (stamp, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return stamp{}, WrapOpen(path, err)
	case !info.Mode().IsRegular():
		return stamp{}, fault.New(fault.Invalid, "%s: it is not a regular file", path)
	}
	return stampOf(info), nil
}

// check compares a file with what it was when the job planned to read it. That
// it has grown since is no matter: what was appended is not read.
func (was stamp) check(path string, is stamp, at int64) error {
	switch {
	case is.Size < was.Size:
		return fault.New(fault.Invalid, "%s: the file has shrunk from %d bytes to %d since the job planned to read it, here from byte %d",
			path, was.Size, is.Size, at)
	case is.ETag != was.ETag, is.ETag == "" && is.Size == was.Size && is.Time != was.Time:
		return fault.New(fault.Invalid, "%s: the file has changed since the job planned to read it, here from byte %d", path, at)
	}
	return nil
}

// tagOf spells an inode and the time at which it was made.
func tagOf(inode uint64, made int64) string {
	return strconv.FormatUint(inode, 36) + "-" + strconv.FormatInt(made, 36)
}

// at tells one state of a file from another of the same size.
func (was stamp) at() int64 {
	if was.ETag != "" {
		return int64(xxh3.HashString(was.ETag))
	}
	return was.Time
}
