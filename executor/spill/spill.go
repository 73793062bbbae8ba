// Package spill keeps record batches on disk that memory has no room for. They are
// of use to the process that wrote them only: a file has no name as soon as it is
// open, so that nothing is left of it after the process, however it ends. (Where a
// file that is open cannot lose its name, it is removed when it is closed.)
//
//	f, err := spill.Create(dir)
//	…
//	defer f.Close()
//	e, err := f.Append(batch) // lent
//	…
//	batch, err := f.Read(e, mem) // the caller's
//
// A batch is an Arrow IPC stream of its own, with its own schema and dictionaries,
// compressed with LZ4, and has a checksum. A File is for one goroutine, but that several
// may read at once while nobody writes.
package spill

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/zeebo/xxh3"
)

// File is a file without a name.
type File struct {
	f    *os.File
	w    *bufio.Writer
	end  int64
	name string // if it still has one
}

// Extent is where a record batch lies in a file, and the xxh3 of its bytes there.
type Extent struct {
	Offset, Size int64
	Sum          uint64
}

// Create makes an empty file in a directory, which is made if need be; "" is the
// system's for such files.
func Create(dir string) (*File, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, classify(err)
		}
	}
	f, err := os.CreateTemp(dir, "idag-*.spill")
	if err != nil {
		return nil, classify(err)
	}
	out := &File{f: f, w: bufio.NewWriterSize(f, 1<<16)}
	if os.Remove(f.Name()) != nil {
		out.name = f.Name()
	}
	return out, nil
}

// Append writes a record batch. A disk that is full is fault.Retry, one that
// cannot be written fault.Invalid.
func (f *File) Append(b arrow.RecordBatch) (Extent, error) {
	e := Extent{Offset: f.end}
	c := &counting{f: f}
	w := ipc.NewWriter(c, ipc.WithSchema(b.Schema()), ipc.WithLZ4())
	err := errors.Join(w.Write(b), w.Close(), f.w.Flush())
	e.Size, e.Sum = f.end-e.Offset, c.sum.Sum64()
	return e, classify(err)
}

// counting counts and sums up what is written to a file.
type counting struct {
	f   *File
	sum xxh3.Hasher
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.f.w.Write(p)
	c.f.end += int64(n)
	_, _ = c.sum.Write(p[:n]) // a hash takes everything
	return n, err
}

// Read reads a record batch, which the caller releases. One that cannot be read any
// more, or is not what was written, is fault.Lost.
func (f *File) Read(e Extent, mem memory.Allocator) (arrow.RecordBatch, error) {
	raw := mem.Allocate(int(e.Size))
	defer mem.Free(raw)
	if _, err := f.f.ReadAt(raw, e.Offset); err != nil {
		return nil, fault.New(fault.Lost, "spilled rows cannot be read: %w", err)
	}
	if xxh3.Hash(raw) != e.Sum {
		return nil, fault.New(fault.Lost, "spilled rows are damaged: they are not what was written")
	}
	r, err := ipc.NewReader(bytes.NewReader(raw), ipc.WithAllocator(mem))
	if err != nil {
		return nil, fault.New(fault.Lost, "spilled rows cannot be read: %w", err)
	}
	defer r.Release()
	if !r.Next() {
		return nil, fault.New(fault.Lost, "spilled rows cannot be read: %w", errors.Join(io.ErrUnexpectedEOF, r.Err()))
	}
	b := r.RecordBatch()
	b.Retain()
	return b, nil
}

// Size returns how many bytes were written.
func (f *File) Size() int64 { return f.end }

// Close gives the file up.
func (f *File) Close() error {
	err := f.f.Close()
	if f.name != "" {
		err = errors.Join(err, os.Remove(f.name))
	}
	return classify(err)
}

// classify says who has to act.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Retry, "the disk for spilled rows is full: %w", err)
	}
	return fault.New(fault.Invalid, "rows cannot be spilled: %w", err)
}
