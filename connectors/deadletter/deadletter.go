// Package deadletter keeps dead letters: one JSON line a letter, one file a
// batch, DIR/batch-000001.jsonl. A file appears whole when its batch is
// committed; until then its parts lie in DIR/.staging.
package deadletter

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

type sink struct{ dir string }

var _ connectors.Sink = (*sink)(nil)

// Open makes the directory and removes what an earlier run staged there and
// never published. The letters of earlier runs stay until a batch of the same
// number replaces them.
func Open(dir string) (connectors.Sink, error) {
	s := &sink{dir: dir}
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

// Stage writes the letters of one task.
func (s *sink) Stage(_ context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	name := fmt.Sprintf("batch-%06d-stage-%d-task-%d.jsonl", at.Batch, at.Stage, at.Task)
	f, err := os.CreateTemp(s.staging(), name+".*")
	if err != nil {
		return rdd.Staged{}, fault.New(fault.Retry, "dead letters: %w", err)
	}
	var out rdd.Staged
	w := bufio.NewWriter(f)
	for fr, err := range in {
		if err != nil {
			return out, errors.Join(err, f.Close())
		}
		for i := range int(fr.Batch.NumRows()) {
			line, err := letter(fr.Batch, i)
			if err != nil {
				return out, errors.Join(err, f.Close())
			}
			n, _ := w.Write(append(line, '\n')) // a failed write shows at Flush
			out.Bytes += int64(n)
			out.Rows++
		}
	}
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return out, fault.New(fault.Retry, "dead letters: %w", err)
	}
	out.Part, err = json.Marshal(part{filepath.Base(f.Name())})
	return out, err
}

// letter spells one row as JSON. The original is JSON itself where it is an event.
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
			m[b.ColumnName(c)] = time.UnixMicro(int64(col.Value(row))).UTC()
		default:
			v := col.ValueStr(row)
			if b.ColumnName(c) == "original" && json.Valid([]byte(v)) {
				m["original"] = json.RawMessage(v)
			} else if v != "" {
				m[b.ColumnName(c)] = v
			}
		}
	}
	return json.Marshal(m)
}

// Publish joins the parts of a batch in one file. The first publication of a
// batch in a run stands; one of an earlier run is replaced.
func (s *sink) Publish(_ context.Context, c rdd.Commit, parts []rdd.Staged) error {
	whole := filepath.Join(s.staging(), fmt.Sprintf("batch-%06d.jsonl", c.Batch))
	out, err := os.Create(whole)
	if err != nil {
		return fault.New(fault.Retry, "dead letters: %w", err)
	}
	var files []string
	for _, p := range parts {
		var got part
		if err := json.Unmarshal(p.Part, &got); err != nil {
			return errors.Join(fault.New(fault.Bug, "dead letters: %w", err), out.Close())
		}
		name := filepath.Join(s.staging(), got.File)
		in, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			return out.Close() // published before: the parts went with it
		}
		if err == nil {
			_, err = io.Copy(out, in)
			err = errors.Join(err, in.Close())
		}
		if err != nil {
			return errors.Join(fault.New(fault.Retry, "dead letters: %w", err), out.Close())
		}
		files = append(files, name)
	}
	err = errors.Join(out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(whole, filepath.Join(s.dir, filepath.Base(whole)))
	}
	if err != nil {
		return fault.New(fault.Retry, "dead letters: %w", err)
	}
	for _, f := range files {
		_ = os.Remove(f) // what stays is removed when the directory is opened again
	}
	return nil
}

// Close removes what was staged and never published.
func (s *sink) Close() error { return os.RemoveAll(s.staging()) }
