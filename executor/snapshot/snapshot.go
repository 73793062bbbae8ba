// Package snapshot writes what a part of a stateful stage keeps to a file and
// reads it again. A file is the Arrow IPC streams of the part's tables one behind
// the other, compressed with LZ4. It appears under its name only when it is whole
// and durable: it is written under another one, synced and renamed.
//
// Who asks for a file keeps its size and checksum, which [Write] returns, and
// brings them to [Read]: a file proves nothing about itself.
//
// Record batches given to Write are lent. Those that Read returns are the
// caller's, with buffers from the allocator it gave.
package snapshot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/zeebo/xxh3"
)

// partial is how the name of a file ends that is being written.
const partial = ".tmp"

// name of the file of one part.
func name(s work.State) string {
	return fmt.Sprintf("batch-%06d-stage-%d-part-%d-epoch-%d.arrows", s.Batch, s.Stage, s.Index, s.Epoch)
}

// Write writes tables to a file of dir, which is made if it is not there. Point, if
// not nil, is told when the file is half written and when it has been renamed. A
// full disk is a fault.Retry, a place that cannot be written a fault.Invalid;
// nothing is left behind then.
func Write(ctx context.Context, dir string, s work.State, tables []arrow.RecordBatch, point func(string)) (work.State, error) {
	if point == nil {
		point = func(string) {}
	}
	out := s
	out.File = name(s)
	path := filepath.Join(dir, out.File)
	f, err := create(dir, path+partial)
	if err != nil {
		return out, classify(err)
	}
	w := &summing{to: bufio.NewWriterSize(f, 1<<16)}
	for i, t := range tables {
		if i == len(tables)/2 {
			point("checkpoint.half")
		}
		if err = errors.Join(ctx.Err(), writeTable(w, t)); err != nil {
			break
		}
		out.Rows += t.NumRows()
	}
	if err == nil {
		err = errors.Join(w.to.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+partial, path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		_ = os.Remove(path + partial)
		return out, classify(err)
	}
	point("checkpoint.renamed")
	sum := w.sum.Sum128()
	out.Bytes, out.Sum = w.n, fmt.Sprintf("%016x%016x", sum.Hi, sum.Lo)
	return out, nil
}

// create makes a file, and its directory where there is none.
func create(dir, path string) (*os.File, error) {
	f, err := os.Create(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		f, err = os.Create(path)
	}
	return f, err
}

// writeTable writes a table as a stream of its own: it brings its own schema and
// dictionaries.
func writeTable(w io.Writer, t arrow.RecordBatch) error {
	out := ipc.NewWriter(w, ipc.WithSchema(t.Schema()), ipc.WithLZ4())
	return errors.Join(out.Write(t), out.Close())
}

// summing counts and sums up what it writes.
type summing struct {
	to  *bufio.Writer
	n   int64
	sum xxh3.Hasher
}

func (w *summing) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	_, _ = w.sum.Write(p[:n]) // a hash takes everything
	w.n += int64(n)
	return n, err
}

// syncDir makes the names of the files of dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read reads the tables of a part. The caller releases them. A file that is gone or
// not as it was written is a fault.Lost.
func Read(ctx context.Context, dir string, s work.State, mem memory.Allocator) (tables []arrow.RecordBatch, err error) {
	if filepath.Base(s.File) != s.File {
		return nil, fault.New(fault.Invalid, "a checkpoint in the file %q", s.File)
	}
	path := filepath.Join(dir, s.File)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Lost, "%s is gone", path)
	case err != nil:
		return nil, fault.New(fault.Lost, "%w", err)
	}
	sum := xxh3.Hash128(data)
	if int64(len(data)) != s.Bytes || fmt.Sprintf("%016x%016x", sum.Hi, sum.Lo) != s.Sum {
		return nil, fault.New(fault.Lost, "%s is damaged: it is not what was written", path)
	}
	defer func() {
		if err != nil {
			for _, t := range tables {
				t.Release()
			}
			tables = nil
		}
	}()
	for in := bytes.NewReader(data); in.Len() > 0; {
		t, err := readTable(in, mem)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return tables, fault.New(fault.Lost, "%s: %w", path, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func readTable(in io.Reader, mem memory.Allocator) (arrow.RecordBatch, error) {
	r, err := ipc.NewReader(in, ipc.WithAllocator(mem))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !r.Next() {
		return nil, errors.Join(errors.New("a table without rows"), r.Err())
	}
	t := r.RecordBatch()
	t.Retain()
	if r.Next() || r.Err() != nil {
		t.Release()
		return nil, errors.Join(errors.New("a table that does not end"), r.Err())
	}
	return t, nil
}

// Retain removes every file of dir that is not one of parts. Those of an epoch later than
// all of parts it leaves: they are of a driver that has taken over from whoever asks, or
// of a checkpoint that is not told to the ledger yet.
func Retain(dir string, parts []work.State) error {
	keep, last := map[string]bool{}, int64(math.MinInt64)
	for _, p := range parts {
		keep[p.File], last = true, max(last, p.Epoch)
	}
	if len(parts) == 0 {
		last = math.MaxInt64
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !keep[e.Name()] && e.Type().IsRegular() && epochOf(e.Name()) <= last {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return classify(err)
}

// epochOf returns the epoch in the name of a file, or 0 where there is none.
func epochOf(name string) int64 {
	_, text, _ := strings.Cut(name, "-epoch-")
	text, _, _ = strings.Cut(text, ".")
	epoch, _ := strconv.ParseInt(text, 10, 64)
	return epoch
}

// classify says who has to act where a file cannot be written.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Retry, "checkpoint: the disk is full: %w", err)
	case fault.Of(err) != fault.Bug:
		return err
	}
	return fault.New(fault.Invalid, "checkpoint: %w", err)
}
