// Package deadletter keeps dead letters: one JSON line a letter, one file a
// batch, DIR/batch-000001.jsonl. A file appears whole when its batch is
// published; until then its parts lie in DIR/.staging.
//
// The sink takes batches of plain columns (numbers, text, times) and writes
// those that are not null. A column "original" that holds JSON is nested, so
// that a letter's event can be read with the letter.
package deadletter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

type sink struct {
	dir string

	mu        sync.Mutex // Publish runs one at a time
	epoch     int64
	published map[rdd.BatchID]bool // by this sink
}

var _ connectors.Sink = (*sink)(nil)

// Open makes the directory and removes what an earlier run staged there and
// never published. The letters that are there stay until a batch of the same
// number replaces them: the directory is for one run. A directory that cannot be made is fault.Invalid.
func Open(dir string) (connectors.Sink, error) {
	s := &sink{dir: dir, published: map[rdd.BatchID]bool{}}
	if err := os.RemoveAll(s.staging()); err != nil {
		return nil, fault.New(fault.Invalid, "dead letters: %w", err)
	}
	if err := os.MkdirAll(s.staging(), 0o777); err != nil {
		return nil, fault.New(fault.Invalid, "dead letters: %w", err)
	}
	return s, nil
}

func (s *sink) staging() string { return filepath.Join(s.dir, ".staging") }

type part struct {
	File string `json:"file"`
}

// Stage writes the letters of one task to a file of its own.
func (s *sink) Stage(_ context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	name := fmt.Sprintf("batch-%06d-stage-%d-task-%d.*.jsonl", at.Batch, at.Stage, at.Task)
	f, err := os.CreateTemp(s.staging(), name)
	if err != nil {
		return rdd.Staged{}, fault.New(fault.Retry, "dead letters: %w", err)
	}
	out, err := write(f, in)
	if err = errors.Join(err, f.Close()); err != nil {
		return rdd.Staged{}, errors.Join(err, os.Remove(f.Name()))
	}
	out.Part, err = json.Marshal(part{filepath.Base(f.Name())})
	return out, err
}

func write(f *os.File, in rdd.Stream) (rdd.Staged, error) {
	var out rdd.Staged
	w := bufio.NewWriter(f)
	for fr, err := range in {
		if err != nil {
			return out, err
		}
		for i := range int(fr.Batch.NumRows()) {
			line, err := letter(fr.Batch, i)
			if err != nil {
				return out, fault.New(fault.Bug, "dead letters: %w", err)
			}
			n, _ := w.Write(line) // a failed write shows at Flush
			out.Bytes += int64(n)
			out.Rows++
		}
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		return out, fault.New(fault.Retry, "dead letters: %w", err)
	}
	return out, nil
}

// letter spells one row as a line of JSON.
func letter(b arrow.RecordBatch, row int) ([]byte, error) {
	m := make(map[string]any, b.NumCols())
	for c := range int(b.NumCols()) {
		col := b.Column(c)
		if col.IsNull(row) {
			continue
		}
		switch col := col.(type) {
		case *array.Int64:
			m[b.ColumnName(c)] = col.Value(row)
		case *array.Timestamp:
			m[b.ColumnName(c)] = time.UnixMicro(int64(col.Value(row))).UTC().Format(time.RFC3339Nano)
		default:
			v := col.ValueStr(row)
			if b.ColumnName(c) == "original" && json.Valid([]byte(v)) {
				m["original"] = json.RawMessage(v)
			} else if v != "" {
				m[b.ColumnName(c)] = v
			}
		}
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false) // people read it: "a > 3" stays as it is
	err := e.Encode(m)
	return line.Bytes(), err
}

// Publish joins the parts of a batch in one file. The first publication of a
// batch by this sink stands, and the parts that a second brings are thrown
// away; the file that an earlier process left is replaced, but not by nothing: a
// batch without letters has no file. A part that is gone is
// fault.Lost, a lower epoch than the last fault.Invalid.
func (s *sink) Publish(_ context.Context, c rdd.Commit, parts []rdd.Staged) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Epoch < s.epoch {
		return fault.New(fault.Invalid, "dead letters: epoch %d is over, %d has begun", c.Epoch, s.epoch)
	}
	files := make([]string, len(parts))
	for i, p := range parts {
		var got part
		if err := json.Unmarshal(p.Part, &got); err != nil {
			return fault.New(fault.Bug, "dead letters: %w", err)
		}
		files[i] = filepath.Join(s.staging(), filepath.Base(got.File))
	}
	if !s.published[c.Batch] && len(parts) > 0 {
		if err := s.join(fmt.Sprintf("batch-%06d.jsonl", c.Batch), files); err != nil {
			return err
		}
	}
	s.epoch, s.published[c.Batch] = c.Epoch, true
	for _, f := range files {
		_ = os.Remove(f) // what stays is removed when the directory is opened again
	}
	return nil
}

// join makes the file name of the parts, whole or not at all.
func (s *sink) join(name string, parts []string) error {
	whole := filepath.Join(s.staging(), name)
	out, err := os.Create(whole)
	if err != nil {
		return fault.New(fault.Retry, "dead letters: %w", err)
	}
	for _, p := range parts {
		if err = appendFile(out, p); err != nil {
			break
		}
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = os.Rename(whole, filepath.Join(s.dir, name))
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fault.New(fault.Lost, "dead letters: %w", err)
	}
	return fault.New(fault.Retry, "dead letters: %w", err)
}

func appendFile(out io.Writer, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close())
}

// Close removes what was staged and never published.
func (s *sink) Close() error { return os.RemoveAll(s.staging()) }
