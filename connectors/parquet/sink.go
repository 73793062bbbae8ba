package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Names in the directory of a sink. Readers pass over names that start with a
// dot or an underscore.
const (
	stagingDir = ".staging"
	markerFile = "_idag.json"
	labelKey   = "idag.label" // in a file's footer
)

// sink writes below one directory. What is staged lies in a directory of this
// sink's own below .staging, which it holds a lock on for as long as it lives.
// All methods may be called at the same time.
type sink struct {
	root     string
	own      string // this sink's staging directory
	lock     *os.File
	settings settings
	env      connectors.Env

	mu      sync.Mutex // of publishing
	started bool       // this sink has published or looked
}

var _ connectors.Sink = (*sink)(nil)

// part is what a Staged carries: where its files lie.
type part struct {
	Files []partFile `json:"files"`
}

type partFile struct {
	Path  string `json:"path"` // below the root
	Label string `json:"label"`
}

// openSink checks that the directory may be written, removes what sinks that
// died have staged, and stages below a directory of its own.
func openSink(_ context.Context, o rdd.Options, env connectors.Env) (*sink, error) {
	s, err := readSettings(o, connectors.Writing)
	if err != nil {
		return nil, err
	}
	k := &sink{root: filepath.Clean(s.paths[0]), settings: s, env: env}
	if err := os.MkdirAll(k.root, 0o777); err != nil {
		return nil, wrapWrite(k.root, err)
	}
	if err := k.admit(); err != nil {
		return nil, err
	}
	removeDead(filepath.Join(k.root, stagingDir))
	return k, k.settle()
}

// settle makes this sink's staging directory and locks it. Before it is locked
// another sink may take it for a dead one's and remove it; then there is a next
// try.
func (k *sink) settle() error {
	for try := 0; ; try++ {
		err := k.trySettle()
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EWOULDBLOCK) || try == 8 {
			return wrapWrite(k.root, err)
		}
	}
}

func (k *sink) trySettle() error {
	staging := filepath.Join(k.root, stagingDir)
	if err := os.MkdirAll(staging, 0o777); err != nil { // the last sink to close removes it
		return err
	}
	dir, err := makeDir(staging, "sink-")
	if err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return errors.Join(err, lock.Close())
	}
	k.own, k.lock = dir, lock
	return nil
}

// makeDir makes a directory with a name of its own. Unlike os.MkdirTemp it
// leaves the permissions to the umask, as the directory may come to be what
// readers see.
func makeDir(parent, prefix string) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("%s%016x", prefix, rand.Uint64()))
	return dir, os.Mkdir(dir, 0o777)
}

// admit refuses a directory that holds what is not this job's.
func (k *sink) admit() error {
	if k.settings.mode != modeError {
		return nil
	}
	m, err := readMarker(k.root)
	if err != nil {
		return err
	}
	if m.Job == k.env.Job && m.Job != "" {
		return nil
	}
	entries, err := os.ReadDir(k.root)
	if err != nil {
		return wrapWrite(k.root, err)
	}
	for _, e := range entries {
		if n := e.Name(); n[0] != '.' && n != markerFile {
			return fault.New(fault.Invalid, "%s: the directory holds %s, which job %q did not write (mode: overwrite "+
				"deletes it, mode: append adds to it)", k.root, n, k.env.Job)
		}
	}
	return nil
}

// removeDead removes the staging directories whose sinks live no more. What
// cannot be removed stays; it is in nobody's way.
func removeDead(staging string) {
	entries, err := os.ReadDir(staging)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(staging, e.Name())
		if lock, err := lockDir(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// Stage implements connectors.Sink: it writes one file a label.
func (k *sink) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (out rdd.Staged, err error) {
	dir, err := makeDir(k.own, fmt.Sprintf("batch-%06d-", at.Batch))
	if err != nil {
		return rdd.Staged{}, wrapWrite(k.own, err)
	}
	st := &stage{sink: k, dir: dir, name: fmt.Sprintf("part-%d-%d-%05d-%05d.parquet", at.Stage, at.Outlet, at.Task, at.Partition)}
	defer func() {
		if err != nil {
			st.drop()
		}
	}()
	for f, err := range in {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && f.Batch != nil && f.Batch.NumRows() > 0 {
			err = st.write(f)
		}
		if err != nil {
			return rdd.Staged{}, err
		}
	}
	return st.finish()
}

// Close implements connectors.Sink.
func (k *sink) Close() error {
	err := os.RemoveAll(k.own)
	_ = os.Remove(filepath.Join(k.root, stagingDir)) // if it was the last
	return errors.Join(err, k.lock.Close())
}

// stage is one Stage under way.
type stage struct {
	sink  *sink
	dir   string
	name  string
	files map[int]*stagedFile // by label
	rows  int64
}

// stagedFile is a file being written.
type stagedFile struct {
	label  string
	path   string
	f      *os.File
	w      *Writer
	schema *arrow.Schema
	order  []int // columns of the last frame's batch, -1 for one it lacks
	last   *arrow.Schema
}

func (st *stage) write(f *rdd.Frame) error {
	label := f.Header.Labels.First()
	if f.Header.Labels.Len() != 1 || label >= len(st.sink.env.Labels) {
		return fault.New(fault.Bug, "parquet: a frame for a sink bears labels %#x", uint64(f.Header.Labels))
	}
	out := st.files[label]
	if out == nil {
		var err error
		if out, err = st.open(label, f.Batch.Schema()); err != nil {
			return err
		}
	}
	st.rows += f.Batch.NumRows()
	b := out.arrange(f.Batch, st.sink.env)
	defer b.Release()
	return wrapWrite(out.path, out.w.Write(b))
}

// open starts the file of a label. Its schema is the one announced for the
// label or, if none was, that of its first frame.
func (st *stage) open(label int, first *arrow.Schema) (*stagedFile, error) {
	schema := st.sink.env.Schemas[label]
	if schema == nil {
		schema = first
	}
	out := &stagedFile{label: st.sink.env.Labels[label], schema: schema}
	dir := filepath.Join(st.dir, "label="+escape(out.label))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, wrapWrite(dir, err)
	}
	out.path = filepath.Join(dir, st.name)
	f, err := os.Create(out.path)
	if err != nil {
		return nil, wrapWrite(out.path, err)
	}
	out.f = f
	if st.files == nil {
		st.files = map[int]*stagedFile{}
	}
	st.files[label] = out
	out.w, err = NewWriter(f, schema, WriterOptions{
		Compression:  st.sink.settings.compression,
		RowGroupRows: st.sink.settings.groupRows,
		Metadata:     map[string]string{labelKey: out.label},
	})
	return out, wrapWrite(out.path, err)
}

// arrange returns the batch with the columns of the file's schema in order;
// those it lacks are null.
func (o *stagedFile) arrange(b arrow.RecordBatch, env connectors.Env) arrow.RecordBatch {
	if o.last != b.Schema() {
		o.last = b.Schema()
		o.order = o.order[:0]
		for _, f := range o.schema.Fields() {
			at := -1
			if found := b.Schema().FieldIndices(f.Name); len(found) > 0 {
				at = found[0]
			}
			o.order = append(o.order, at)
		}
	}
	columns := make([]arrow.Array, len(o.order))
	fields := make([]arrow.Field, len(o.order))
	for i, at := range o.order {
		fields[i] = o.schema.Field(i)
		if at < 0 {
			columns[i] = nulls(env.Mem, fields[i].Type, int(b.NumRows()))
		} else {
			columns[i] = b.Column(at)
			columns[i].Retain()
		}
		fields[i].Type = columns[i].DataType()
	}
	out := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, b.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}

// nulls makes n nulls of an engine type; strings come plain.
func nulls(mem memory.Allocator, dt arrow.DataType, n int) arrow.Array {
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	if dt.ID() == arrow.DICTIONARY {
		dt = arrow.BinaryTypes.String
	}
	return array.MakeArrayOfNull(mem, dt, n)
}

// finish makes the files durable and says where they lie.
func (st *stage) finish() (rdd.Staged, error) {
	var p part
	out := rdd.Staged{Rows: st.rows}
	for label := range st.sink.env.Labels {
		f := st.files[label]
		if f == nil {
			continue
		}
		if err := f.w.Close(); err != nil {
			return out, wrapWrite(f.path, err)
		}
		if err := errors.Join(f.f.Sync(), f.f.Close()); err != nil {
			return out, wrapWrite(f.path, err)
		}
		out.Bytes += f.w.offset
		rel, err := filepath.Rel(st.sink.root, f.path)
		if err != nil {
			return out, err
		}
		p.Files = append(p.Files, partFile{Path: filepath.ToSlash(rel), Label: f.label})
	}
	if len(p.Files) == 0 {
		_ = os.Remove(st.dir)
	}
	var err error
	out.Part, err = json.Marshal(p)
	return out, err
}

// drop removes what was written.
func (st *stage) drop() {
	for _, f := range st.files {
		if f.w != nil {
			f.w.release()
		}
		_ = f.f.Close()
	}
	_ = os.RemoveAll(st.dir)
}

// wrapWrite says what kind of fault it is not to be able to write p.
func wrapWrite(p string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Retry, "%s: the disk is full", p)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Invalid, "%s: cannot be written: %w", p, err)
	}
	if kind := fault.Of(err); kind != fault.Bug {
		return fault.New(kind, "%s: %w", p, err)
	}
	return fault.New(fault.Retry, "%s: %w", p, err)
}
