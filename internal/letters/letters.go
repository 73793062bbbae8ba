// Package letters reads dead letters back from where a job put them: a
// directory of any kind of files that can be written and read. Nothing is held
// but the letter at hand.
package letters

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

// Letter is one dead letter; executor.LetterSchema says what its parts mean.
type Letter struct {
	Reason    string    `json:"reason"`
	Operation string    `json:"operation"`
	Source    int64     `json:"source"` // -1: a group, which no source can give again
	Name      string    `json:"name,omitempty"`
	Partition int64     `json:"partition"`
	Offset    int64     `json:"offset"`
	Child     int64     `json:"child,omitempty"`
	Error     string    `json:"error,omitempty"`
	Time      time.Time `json:"time"`
	Original  []byte    `json:"original"`
}

// Kind tells by the names of the files in a directory which connector reads
// its letters, "" where there are no files. A place that is not there, or has
// files of other kinds only, is fault.Invalid.
func Kind(dir string) (string, error) {
	kind, other := "", false
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "_") || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if kind = kindOf(d.Name()); kind != "" {
			return fs.SkipAll
		}
		other = true
		return nil
	})
	if err != nil {
		return "", fault.New(fault.Invalid, "dead letters: %w", err)
	}
	if kind == "" && other {
		return "", fault.New(fault.Invalid, "%s: no dead letters here: no file ends in .json, .jsonl, .csv, .arrow or .parquet, packed or not", dir)
	}
	return kind, nil
}

func kindOf(name string) string {
	for _, pack := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, pack)
	}
	switch filepath.Ext(name) {
	case ".json", ".jsonl", ".ndjson":
		return "json"
	case ".csv":
		return "csv"
	case ".arrow":
		return "arrow"
	case ".parquet":
		return "parquet"
	}
	return ""
}

// Read yields the letters of a directory, file by file. An error is the last
// thing yielded.
func Read(ctx context.Context, kinds connectors.Registry, dir string) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		if err := read(ctx, kinds, dir, func(l Letter) bool { return yield(l, nil) }); err != nil {
			yield(Letter{}, err)
		}
	}
}

func read(ctx context.Context, kinds connectors.Registry, dir string, yield func(Letter) bool) (err error) {
	name, err := Kind(dir)
	if err != nil || name == "" {
		return err
	}
	src, err := open(ctx, kinds, name, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	schema, err := src.Schema(ctx)
	if err != nil {
		return err
	}
	var want rdd.Projection
	for _, f := range executor.LetterSchema().Fields() {
		if schema.HasField(f.Name) {
			want.Columns = append(want.Columns, f.Name)
		}
	}
	if len(want.Columns) == 0 || want.Columns[0] != "reason" {
		return noLetters(dir)
	}
	want.Rows, want.Mem = 4096, memory.NewGoAllocator()
	for from := rdd.Offset(""); ; {
		splits, next, err := src.Cut(ctx, from, rdd.Size{})
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for _, s := range splits {
			if more, err := readSplit(ctx, src, s, want, yield); err != nil || !more {
				return err
			}
		}
		if err != nil {
			return nil
		}
		from = next
	}
}

func noLetters(place string) error {
	return fault.New(fault.Invalid, "%s: these are no dead letters: there is no column reason", place)
}

func readSplit(ctx context.Context, src connectors.Source, s rdd.Split, want rdd.Projection, yield func(Letter) bool) (bool, error) {
	for f, err := range src.Read(ctx, s, want) {
		if err != nil {
			return false, err
		}
		if len(f.Header.Bad) > 0 {
			return false, fault.New(fault.Invalid, "%s: a dead letter at offset %d cannot be read: %s", s.Name, f.Header.Bad[0].Seq, f.Header.Bad[0].Text)
		}
		if f.Batch == nil {
			continue
		}
		for i := range int(f.Batch.NumRows()) {
			l := letter(f.Batch, i)
			if l.Reason == "" {
				return false, noLetters(s.Name)
			}
			if !yield(l) {
				return false, nil
			}
		}
	}
	return true, nil
}

// open opens the source of a directory of letters. Formats that do not say what
// their columns are get to know it. Whatever else is there is looked at too, to
// say what it is rather than how it differs.
func open(ctx context.Context, kinds connectors.Registry, name, dir string) (connectors.Source, error) {
	o := rdd.Options{"path": dir, "union_by_name": true}
	if name == "json" || name == "csv" {
		o["schema"] = DDL(executor.LetterSchema())
	}
	read := rdd.From(name, o)
	return kinds.Source(ctx, read, connectors.Env{Job: "letters", Mem: memory.NewGoAllocator()})
}

// DDL spells a schema as connectors' option schema takes it.
func DDL(s *arrow.Schema) string {
	parts := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		parts[i] = "`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + types.Name(f.Type)
	}
	return strings.Join(parts, ", ")
}

// letter reads one row.
func letter(b arrow.RecordBatch, row int) Letter {
	l := Letter{Source: -1, Partition: -1, Offset: -1}
	for i, f := range b.Schema().Fields() {
		col := b.Column(i)
		if col.IsNull(row) {
			continue
		}
		switch f.Name {
		case "reason":
			l.Reason = text(col, row)
		case "operation":
			l.Operation = text(col, row)
		case "name":
			l.Name = text(col, row)
		case "error":
			l.Error = text(col, row)
		case "original", "original_bytes":
			l.Original = []byte(text(col, row))
		case "source":
			l.Source = number(col, row)
		case "partition":
			l.Partition = number(col, row)
		case "offset":
			l.Offset = number(col, row)
		case "child":
			l.Child = number(col, row)
		case "time":
			l.Time = time.UnixMicro(number(col, row)).UTC()
		}
	}
	return l
}

func text(a arrow.Array, i int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return string(a.Value(i))
	case *array.Dictionary:
		return text(a.Dictionary(), a.GetValueIndex(i))
	}
	return ""
}

func number(a arrow.Array, i int) int64 {
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	}
	return 0
}
