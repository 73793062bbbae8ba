package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/idag/idag/internal/fault"
)

// journal is what a source that follows a directory must know of the past: the
// schema that the job was planned with, and the files that it has taken, in
// order. It lies in a directory of its own beside the job's ledger; without one
// nothing is kept, and there is nothing that could be resumed.
type journal struct{ dir string }

const (
	journalFile = "files.jsonl"
	schemaFile  = "schema.json"
)

// load returns the files that were taken. A torn last line was never acted upon
// and is cut off.
func (j journal) load() ([]entry, error) {
	if j.dir == "" {
		return nil, nil
	}
	path := filepath.Join(j.dir, journalFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, WrapOpen(path, err)
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	if len(whole) < len(b) {
		if err := os.Truncate(path, int64(len(whole))); err != nil {
			return nil, wrapWrite(path, err)
		}
	}
	var out []entry
	for line := range bytes.Lines(whole) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fault.New(fault.Invalid, "%s: line %d is damaged: %w", path, len(out)+1, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// add makes entries durable before anybody acts upon them.
func (j journal) add(list []entry) error {
	if j.dir == "" || len(list) == 0 {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i := range list {
		if err := e.Encode(&list[i]); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(j.dir, 0o777); err != nil {
		return wrapWrite(j.dir, err)
	}
	path := filepath.Join(j.dir, journalFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return wrapWrite(path, err)
	}
	size, err := f.Seek(0, 2)
	if err == nil {
		_, err = f.Write(b.Bytes())
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil { // none of them was taken: they are found again
		_ = f.Truncate(size)
	}
	return wrapWrite(path, errors.Join(err, f.Close()))
}

// savedSchema is the columns of the files and of their directories.
type savedSchema struct {
	Rows []byte `json:"rows"` // as Arrow IPC
	Keys []byte `json:"keys"`
}

// schema returns the columns that were saved, or nil.
func (j journal) schema() (rows *arrow.Schema, keys []arrow.Field, err error) {
	if j.dir == "" {
		return nil, nil, nil
	}
	path := filepath.Join(j.dir, schemaFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, WrapOpen(path, err)
	}
	var s savedSchema
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%s: damaged: %w", path, err)
	}
	rows, err = schemaOf(s.Rows)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "%s: damaged: %w", path, err)
	}
	k, err := schemaOf(s.Keys)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "%s: damaged: %w", path, err)
	}
	return rows, k.Fields(), nil
}

// saveSchema keeps the columns for runs that go on.
func (j journal) saveSchema(rows *arrow.Schema, keys []arrow.Field) error {
	if j.dir == "" {
		return nil
	}
	path := filepath.Join(j.dir, schemaFile)
	if exists(path) {
		return nil
	}
	b, err := json.Marshal(savedSchema{Rows: bytesOf(rows), Keys: bytesOf(arrow.NewSchema(keys, nil))})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o777); err != nil {
		return wrapWrite(j.dir, err)
	}
	if err := writeSynced(path+".new", b); err != nil {
		return wrapWrite(path, err)
	}
	return wrapWrite(path, os.Rename(path+".new", path))
}

func bytesOf(s *arrow.Schema) []byte {
	var b bytes.Buffer
	_ = ipc.NewWriter(&b, ipc.WithSchema(s)).Close() // a buffer takes everything
	return b.Bytes()
}

func schemaOf(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	return r.Schema(), nil
}
