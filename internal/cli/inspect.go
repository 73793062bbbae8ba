package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/fault"
	datafiles "github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// inspectFlags say what is shown of a data set.
type inspectFlags struct {
	format  string
	label   string
	time    string
	rows    int
	frames  int
	columns bool
	verify  bool
	json    bool
}

func (f *inspectFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.format, "format", "", "the `connector` that reads the files; without it their names tell")
	fs.StringVar(&f.label, "label", "", "the `column` that holds the label, where neither footer nor directory names it")
	fs.StringVar(&f.time, "time", "", "the `column` of the event time; without it the first timestamp")
	fs.IntVar(&f.rows, "rows", 0, "show the first `rows`, which are read for that")
	fs.IntVar(&f.frames, "frames", 20, "list that many `frames`; 0 lists all")
	fs.BoolVar(&f.columns, "columns", false, "show the statistics of every column of the frames that are listed")
	fs.BoolVar(&f.verify, "verify", false, "decode everything and tell what the files say and their rows deny")
	fs.BoolVar(&f.json, "json", false, "print one JSON object a frame, a row or a lie, and the summary last")
}

func newInspect(s *session) *cobra.Command {
	var f inspectFlags
	c := &cobra.Command{
		GroupID: groupData,
		Use:     "inspect PATH… [flags]",
		Short:   "Show the frames of a data set: labels, headers, statistics, what was done to the rows",
		Long: `Show a data set as a heterogeneous data frame: by label, and frame by frame (a frame
is a row group, or a split of files that have none), the rows, bytes, range of event
time, statistics, and the operations that were applied to the rows before they were
written. PATH is a file, a directory or a pattern. Of Parquet files only the footers are
read, unless rows are asked for.

With --verify every column is decoded, and checked against statistics, counts of
nulls, NaNs and rows, checksums, and the label; each lie is listed with its file, row
group and column, and the exit status is 2 if there is one.`,
		Example: `  idag inspect out/per_meter
  idag inspect 'data/**/*.parquet' --label kind --columns --rows 5
  idag inspect data/meter --verify`,
		Args: some("a path"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.rows < 0 || f.frames < 0 {
				return fault.New(fault.Invalid, "--rows and --frames may not be negative")
			}
			return s.inspect(c.Context(), args, &f)
		},
	}
	f.add(c)
	return c
}

// inspection is what was seen of a data set.
type inspection struct {
	paths  []string
	labels map[string]*labelView
	total  labelView
	writer map[string]int
	doubts []string // headers that are not believed, by file
	frames []frameView
	schema [][2]string // columns and types, of sources other than Parquet
}

// frameView is one frame as it is listed.
type frameView struct {
	Path    string           `json:"path"`
	Group   int              `json:"group"`
	Label   string           `json:"label,omitempty"`
	Rows    int64            `json:"rows"`  // -1: unknown before reading
	Bytes   int64            `json:"bytes"` // -1: unknown
	Times   rdd.TimeRange    `json:"times,omitzero"`
	Done    []string         `json:"done,omitempty"`
	Header  string           `json:"header,omitempty"`
	Columns []parquet.Column `json:"columns,omitempty"`
}

// labelView sums up the frames of one label.
type labelView struct {
	Label  string          `json:"label,omitempty"`
	Files  int             `json:"files"`
	Frames int             `json:"frames"`
	Rows   int64           `json:"rows"`
	Bytes  int64           `json:"bytes"`
	Times  rdd.TimeRange   `json:"times,omitzero"`
	Done   []string        `json:"done,omitempty"` // of the first frame
	Routes int             `json:"routes"`         // how many done-lists there are, the empty one too
	last   string          // file
	lists  map[string]bool // done-lists
}

func (v *labelView) add(f *frameView) {
	if v.lists == nil {
		v.lists, v.Done = map[string]bool{}, f.Done
	}
	if v.last != f.Path {
		v.Files, v.last = v.Files+1, f.Path
	}
	v.lists[strings.Join(f.Done, " ")] = true
	v.Routes = len(v.lists)
	v.Frames, v.Bytes = v.Frames+1, v.Bytes+max(0, f.Bytes)
	if v.Rows += f.Rows; f.Rows < 0 || v.Rows < 0 {
		v.Rows = -1 // some are unknown
	}
	switch {
	case !f.Times.Known:
	case !v.Times.Known:
		v.Times = f.Times
	default:
		v.Times.Min, v.Times.Max = min(v.Times.Min, f.Times.Min), max(v.Times.Max, f.Times.Max)
	}
}

// inspect shows what there is, and then what is wrong with it.
func (s *session) inspect(ctx context.Context, paths []string, f *inspectFlags) error {
	format, err := formatOf(ctx, paths, f.format)
	if err != nil {
		return err
	}
	if _, err := s.app.Kinds.Lookup(format); err != nil {
		return err
	}
	if format != "parquet" && (f.verify || f.columns || f.label != "") {
		return fault.New(fault.Invalid, "--verify, --columns and --label are for Parquet files, which have statistics; these are read by %s", format)
	}
	in := &inspection{paths: paths, labels: map[string]*labelView{}, writer: map[string]int{}}
	note := func(v *frameView) error { return s.noteFrame(in, v, f) }
	if format == "parquet" {
		err = inspectFooters(ctx, in, f, note)
		if err != nil && f.verify && fault.Of(err) == fault.Invalid {
			err = nil // what cannot be opened is told of below
		}
	} else {
		err = s.inspectSplits(ctx, in, format, f, note)
	}
	if err != nil {
		return err
	}
	if !f.json {
		s.tellInspection(in, f)
	}
	if f.rows > 0 {
		if err := s.firstRows(ctx, format, paths, f); err != nil {
			return err
		}
	}
	lies := 0
	if f.verify {
		if lies, err = s.verify(ctx, paths, f); err != nil {
			return err
		}
	}
	if f.json {
		if err := s.tellInspectionJSON(in, f, lies); err != nil {
			return err
		}
	}
	if lies > 0 {
		return fault.New(fault.Invalid, "%s", count(int64(lies), "lie", "lies"))
	}
	return nil
}

func (s *session) noteFrame(in *inspection, v *frameView, f *inspectFlags) error {
	l := in.labels[v.Label]
	if l == nil {
		l = &labelView{Label: v.Label}
		in.labels[v.Label] = l
	}
	l.add(v)
	in.total.add(v)
	if !f.columns {
		v.Columns = nil
	}
	if f.json {
		return writeJSON(s.io.Out, v)
	}
	if f.frames == 0 || len(in.frames) < f.frames {
		in.frames = append(in.frames, *v)
	}
	return nil
}

// inspectFooters notes the row groups of Parquet files.
func inspectFooters(ctx context.Context, in *inspection, f *inspectFlags, note func(*frameView) error) (err error) {
	there := map[string]bool{}
	defer func() {
		for _, name := range []string{f.label, f.time} {
			if err == nil && name != "" && !there[name] {
				err = fault.New(fault.Invalid, "no file has a column %q; there is %s", name, strings.Join(slices.Sorted(maps.Keys(there)), ", "))
			}
		}
	}()
	for file, err := range parquet.Inspect(ctx, in.paths) {
		if err != nil {
			return err
		}
		for i := range file.Groups {
			for _, c := range file.Groups[i].Columns {
				there[c.Name] = true
			}
		}
		in.writer[file.Writer]++
		if file.Header != "bound" && file.Header != "none" {
			in.doubts = append(in.doubts, file.Path+": "+file.Header)
		}
		for i := range file.Groups {
			g := &file.Groups[i]
			v := &frameView{Path: file.Path, Group: i, Label: file.Label, Rows: g.Rows, Bytes: g.Bytes, Done: g.Done, Header: file.Header, Columns: g.Columns}
			v.look(g, f)
			if err := note(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// look finds the event time of a row group, and its label if a column has it.
func (v *frameView) look(g *parquet.Group, f *inspectFlags) {
	for i := range g.Columns {
		c := &g.Columns[i]
		if c.Times.Known && !v.Times.Known && (f.time == "" || f.time == c.Name) {
			v.Times = c.Times
		}
		if c.Name == f.label && c.Min != nil && string(c.Min) == string(c.Max) && c.Nulls != nil && *c.Nulls == 0 {
			v.Label = strings.Trim(string(c.Min), `"`)
		}
	}
}

// formatOf tells from the names of the files which connector reads them.
func formatOf(ctx context.Context, paths []string, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	places := new(datafiles.Places)
	defer func() { _ = places.Close() }() // nothing was written
	full, err := places.Add(paths)
	if err != nil {
		return "", err
	}
	found, err := places.Find(ctx, full, "files")
	if err != nil {
		return "", err
	}
	first := map[string]string{}
	var formats []string
	for i := range found {
		name := formatOfName(found[i].Path)
		if _, ok := first[name]; !ok && name != "" {
			formats, first[name] = append(formats, name), found[i].Path
		}
	}
	switch len(formats) {
	case 0:
		return "", fault.New(fault.Invalid, "%s: what it is cannot be told from the name; say --format parquet, arrow, csv or json", found[0].Path)
	case 1:
		return formats[0], nil
	}
	slices.Sort(formats)
	return "", fault.New(fault.Invalid, "there are files of several formats, such as %s and %s; say which with --format %s, and a pattern that means only these",
		first[formats[0]], first[formats[1]], strings.Join(formats, " or "))
}

func formatOfName(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if slices.Contains([]string{".gz", ".zst", ".zstd", ".bz2"}, ext) {
		ext = strings.ToLower(path.Ext(name[:len(name)-len(ext)]))
	}
	switch ext {
	case ".parquet", ".parq", ".pq":
		return "parquet"
	case ".arrow", ".arrows", ".feather", ".ipc":
		return "arrow"
	case ".csv", ".tsv":
		return "csv"
	case ".json", ".ndjson", ".jsonl":
		return "json"
	}
	return ""
}

// verify lists the lies of Parquet files and counts them.
func (s *session) verify(ctx context.Context, paths []string, f *inspectFlags) (int, error) {
	lies := 0
	var failed error
	err := parquet.Verify(ctx, paths, f.label, func(l parquet.Lie) {
		lies++
		if f.json {
			failed = errors.Join(failed, writeJSON(s.io.Out, map[string]any{"lie": l}))
			return
		}
		where := l.Path
		if l.Group >= 0 {
			where += fmt.Sprintf(", row group %d", l.Group)
		}
		if l.Column != "" {
			where += fmt.Sprintf(", column %q", l.Column)
		}
		fmt.Fprintf(s.io.Out, "%s: %s\n", where, l.What)
	})
	if err == nil && failed == nil && lies == 0 && !f.json {
		fmt.Fprintln(s.io.Out, "verified: the rows are as the files say")
	}
	return lies, errors.Join(err, failed)
}
