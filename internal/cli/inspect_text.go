package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/spell"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

const (
	unknown   = "–"
	cellWidth = 32 // of a value in a table of rows
)

// tellInspection prints the summary by label, and the frames.
func (s *session) tellInspection(in *inspection, f *inspectFlags) {
	out := s.io.Out
	fmt.Fprintf(out, "%s: %s, %s, %s, %s\n", strings.Join(in.paths, " "), count(int64(in.total.Files), "file", "files"),
		count(int64(in.total.Frames), "frame", "frames"), rowsText(in.total.Rows), bytesText(in.total.Bytes))
	for _, w := range sorted(in.writer) {
		fmt.Fprintf(out, "%s by %s\n", count(int64(in.writer[w]), "file", "files"), orUnknown(w))
	}
	for _, d := range in.doubts {
		fmt.Fprintf(out, "header not believed: %s\n", d)
	}
	fmt.Fprintln(out)
	t := table{head: []string{"label", "files", "frames", "rows", "bytes", "event time", "done"}}
	for _, name := range sorted(in.labels) {
		l := in.labels[name]
		done := doneText(l.Done)
		if l.Routes > 1 {
			done = fmt.Sprintf("%d different lists", l.Routes)
		}
		t.add(orUnknown(name), fmt.Sprint(l.Files), fmt.Sprint(l.Frames), numberText(l.Rows), bytesText(l.Bytes), timesText(l.Times), done)
	}
	t.write(out, s.out)
	fmt.Fprintln(out)
	if f.columns {
		s.tellColumns(in)
	} else {
		s.tellFrames(in)
	}
	if left := in.total.Frames - len(in.frames); left > 0 {
		fmt.Fprintf(out, "  … and %s more (--frames 0 lists all)\n", thousands(int64(left)))
	}
	if len(in.schema) > 0 {
		fmt.Fprintln(out)
		t := table{head: []string{"column", "type"}}
		for _, c := range in.schema {
			t.add(c[0], c[1])
		}
		t.write(out, s.out)
	}
}

func (s *session) tellFrames(in *inspection) {
	t := table{head: []string{"frame", "label", "rows", "bytes", "event time", "done"}}
	for i := range in.frames {
		v := &in.frames[i]
		t.add(v.name(), orUnknown(v.Label), numberText(v.Rows), bytesText(max(0, v.Bytes)), timesText(v.Times), doneText(v.Done))
	}
	t.write(s.io.Out, s.out)
}

// tellColumns prints the statistics of each frame.
func (s *session) tellColumns(in *inspection) {
	for i := range in.frames {
		v := &in.frames[i]
		fmt.Fprintf(s.io.Out, "%s  %s  %s  %s  %s  done: %s\n", v.name(), orUnknown(v.Label), rowsText(v.Rows), bytesText(v.Bytes), timesText(v.Times), doneText(v.Done))
		t := table{head: []string{"column", "type", "bytes", "nulls", "NaN", "least", "largest"}}
		for _, c := range v.Columns {
			t.add(c.Name, c.Type, bytesText(c.Bytes), pointerText(c.Nulls), pointerText(c.NaNs), limitText(c.Min), limitText(c.Max))
		}
		t.write(s.io.Out, s.out)
		fmt.Fprintln(s.io.Out)
	}
}

func (v *frameView) name() string {
	if v.Group < 0 {
		return v.Path
	}
	return fmt.Sprintf("%s#%d", v.Path, v.Group)
}

// doneText spells a done-list: the kinds of its operations, and the last digest,
// which stands for all of them.
func doneText(done []string) string {
	if len(done) == 0 {
		return unknown
	}
	kinds := make([]string, len(done))
	last := ""
	for i, d := range done {
		kinds[i], last, _ = strings.Cut(d, ":")
	}
	return strings.Join(kinds, " ") + " (" + last + ")"
}

func orUnknown(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

func numberText(n int64) string {
	if n < 0 {
		return "?"
	}
	return thousands(n)
}

func rowsText(n int64) string {
	if n < 0 {
		return "an unknown number of rows"
	}
	return count(n, "row", "rows")
}

func pointerText(n *int64) string {
	if n == nil {
		return unknown
	}
	return thousands(*n)
}

func limitText(b []byte) string {
	if b == nil {
		return unknown
	}
	return clip(string(b))
}

func clip(s string) string {
	if utf8.RuneCountInString(s) <= cellWidth {
		return s
	}
	return string([]rune(s)[:cellWidth-1]) + "…"
}

func timesText(t rdd.TimeRange) string {
	if !t.Known {
		return unknown
	}
	spell := func(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z") }
	return spell(t.Min) + " to " + spell(t.Max)
}

// tellInspectionJSON prints the summary.
func (s *session) tellInspectionJSON(in *inspection, f *inspectFlags, lies int) error {
	sum := struct {
		labelView
		Labels []*labelView   `json:"labels"`
		Writer map[string]int `json:"writers,omitempty"`
		Doubts []string       `json:"headers_not_believed,omitempty"`
		Schema [][2]string    `json:"schema,omitempty"`
		Lies   *int           `json:"lies,omitempty"`
	}{labelView: in.total, Labels: []*labelView{}, Writer: in.writer, Doubts: in.doubts, Schema: in.schema}
	for _, name := range sorted(in.labels) {
		sum.Labels = append(sum.Labels, in.labels[name])
	}
	if f.verify {
		sum.Lies = &lies
	}
	return writeJSON(s.io.Out, &sum)
}

// source opens the files as a job would.
func (s *session) source(ctx context.Context, format string, paths []string, time string) (connectors.Source, *arrow.Schema, error) {
	o := rdd.Options{"path": paths}
	if format == "parquet" {
		o["union_by_name"] = true
	}
	src, err := s.app.Kinds.Source(ctx, rdd.From(format, o), connectors.Env{Mem: memory.DefaultAllocator, Out: io.Discard, Time: time})
	if err != nil {
		return nil, nil, err
	}
	schema, err := src.Schema(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	return src, schema, nil
}

// inspectSplits notes the splits of files that have no footers.
func (s *session) inspectSplits(ctx context.Context, in *inspection, format string, f *inspectFlags, note func(*frameView) error) (err error) {
	src, schema, err := s.source(ctx, format, in.paths, f.time)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for _, c := range schema.Fields() {
		in.schema = append(in.schema, [2]string{c.Name, types.Name(c.Type)})
	}
	parts, err := partitions(ctx, src)
	if err != nil {
		return err
	}
	for _, splits := range parts {
		for i, p := range splits {
			v := &frameView{Path: p.Name, Group: i, Rows: p.Rows, Bytes: p.Bytes, Times: p.Times}
			if err := note(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstRows shows the first rows of a data set.
func (s *session) firstRows(ctx context.Context, format string, paths []string, f *inspectFlags) (err error) {
	src, schema, err := s.source(ctx, format, paths, f.time)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	want := rdd.Projection{Rows: min(f.rows, 1<<16), Mem: memory.DefaultAllocator}
	t := table{}
	for _, c := range schema.Fields() {
		want.Columns, t.head = append(want.Columns, c.Name), append(t.head, c.Name)
	}
	left := f.rows
	for at := rdd.Offset(""); left > 0; {
		splits, next, err := src.Cut(ctx, at, rdd.Size{Rows: int64(left)})
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for _, split := range splits {
			if left <= 0 {
				break
			}
			if e := s.rowsOf(ctx, src, split, want, &t, &left, f.json); e != nil {
				return e
			}
		}
		if at = next; err != nil {
			break
		}
	}
	if !f.json {
		fmt.Fprintln(s.io.Out)
		t.write(s.io.Out, s.out)
	}
	return nil
}

// rowsOf adds the first rows of a split to a table, or prints them as JSON.
func (s *session) rowsOf(ctx context.Context, src connectors.Source, split rdd.Split, want rdd.Projection, t *table, left *int, asJSON bool) error {
	for f, err := range src.Read(ctx, split, want) {
		if err != nil {
			return err
		}
		if f.Batch == nil {
			continue
		}
		for i := 0; i < int(f.Batch.NumRows()) && *left > 0; i++ {
			*left--
			if asJSON {
				row := map[string]json.RawMessage{}
				for c, name := range want.Columns {
					row[name] = spell.JSON(nil, f.Batch.Column(c), i)
				}
				if err := writeJSON(s.io.Out, map[string]any{"row": row}); err != nil {
					return fault.Wrap(fault.Bug, err)
				}
				continue
			}
			var cells []string
			for _, c := range f.Batch.Columns() {
				cells = append(cells, clip(string(spell.JSON(nil, c, i))))
			}
			t.add(cells...)
		}
		if *left <= 0 {
			return nil
		}
	}
	return nil
}
