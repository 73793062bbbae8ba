package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/parquet"
)

// inspector is a program with connectors of files.
func inspector() App {
	app := new(fake).app()
	app.Kinds = connectors.NewRegistry(parquet.Kind(), csv.Kind())
	return app
}

// halfDone writes a file of two frames of one label, of which the first was
// worked upon.
func halfDone(t *testing.T, path, label string) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "kind", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "wh", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	var out bytes.Buffer
	w, err := parquet.NewWriter(&out, schema, parquet.WriterOptions{Compression: "none", Metadata: map[string]string{"idag.label": label}})
	for i, list := range [][]string{{"tag:00ff", "map:12ab"}, nil} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{arrow.Timestamp(1e6 * (i + 1)), arrow.Timestamp(2e6 * (i + 1))}, nil)
		b.Field(1).(*array.StringBuilder).AppendValues([]string{"E", "E"}, nil)
		b.Field(2).(*array.Float64Builder).AppendValues([]float64{1.5, 2}, []bool{true, false})
		if err == nil {
			err = w.Done(list)
		}
		if err == nil {
			err = w.Write(b.NewRecordBatch())
		}
		b.Release()
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o777)
	}
	if err == nil {
		err = os.WriteFile(path, out.Bytes(), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestInspect: what the footers say is shown by label and frame by frame, and rows
// only if they are asked for.
func TestInspect(t *testing.T) {
	t.Chdir(t.TempDir())
	halfDone(t, "out/a.parquet", "error")
	halfDone(t, "out/b.parquet", "")
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"inspect out", []string{"out: 2 files, 4 frames, 8 rows", "2 files by idag version", "a.parquet#0  error     2", "b.parquet#1  –", "tag map (12ab)", "2 different lists",
			"1970-01-01T00:00:01Z to 1970-01-01T00:00:02Z"}},
		{"inspect out --label kind --frames 1", []string{"E          2       4     8", "… and 3 more"}},
		{"inspect out/a.parquet --columns", []string{"column  type", "kind    string", `"E"`, "wh      double", "1.5"}},
		{"inspect out/a.parquet --rows 3", []string{`"1970-01-01T00:00:02Z"  "E"   null`}},
		{"inspect out --verify", []string{"verified: the rows are as the files say"}},
	} {
		status, out, errs := call(t, inspector(), strings.Fields(c.args)...)
		if status != 0 || errs != "" {
			t.Errorf("%s: status %d: %s", c.args, status, errs)
		}
		for _, w := range c.words {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is not in\n%s", c.args, w, out)
			}
		}
	}
}

// TestInspectJSON: every line is an object, the last one is the summary.
func TestInspectJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	halfDone(t, "a.parquet", "error")
	_, out, _ := call(t, inspector(), "inspect", "a.parquet", "--json", "--rows", "3", "--verify", "--columns")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	var frame frameView
	var row struct{ Row map[string]any }
	var sum struct {
		Files, Frames, Rows, Lies int
		Labels                    []labelView
	}
	for i, to := range map[int]any{0: &frame, 2: &row, 5: &sum} {
		if err := json.Unmarshal([]byte(lines[i]), to); err != nil {
			t.Errorf("%s: %v", lines[i], err)
		}
	}
	if frame.Label != "error" || len(frame.Done) != 2 || len(frame.Columns) != 3 || frame.Times.Max != 2e6 || frame.Header != "bound" {
		t.Errorf("frame %+v", frame)
	}
	if row.Row["kind"] != "E" || row.Row["wh"] != 1.5 {
		t.Errorf("row %+v", row)
	}
	if sum.Files != 1 || sum.Frames != 2 || sum.Rows != 4 || sum.Lies != 0 || len(sum.Labels) != 1 || sum.Labels[0].Routes != 2 {
		t.Errorf("summary %+v", sum)
	}
}

// TestInspectFindsLies: a file that lies is named with the place, and the exit
// status is that of a mistake; a file that cannot be opened is one lie among others.
func TestInspectFindsLies(t *testing.T) {
	t.Chdir(t.TempDir())
	halfDone(t, "a.parquet", "error")
	b, err := os.ReadFile("a.parquet")
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("tag:00ff"), []byte("tag:11ff"), 1)
	if err := os.WriteFile("a.parquet", b, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("b.parquet", []byte("PAR1 and nothing behind it"), 0o666); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, inspector(), "inspect", ".", "--verify")
	if status != statusMistake || !strings.Contains(errs, "2 lies") || !strings.Contains(out, "a.parquet: its header is not believed") || !strings.Contains(out, "b.parquet: ") {
		t.Errorf("status %d: %s%s", status, errs, out)
	}
	if status, _, errs = call(t, inspector(), "inspect", "b.parquet"); status != statusMistake || !strings.Contains(errs, "b.parquet: not a Parquet file") {
		t.Errorf("status %d: %s", status, errs)
	}
	_, out, _ = call(t, inspector(), "inspect", "a.parquet")
	if !strings.Contains(out, "header not believed: a.parquet: ") {
		t.Error(out)
	}
}

// TestInspectOtherFormats: what has no footers is shown as far as the connector
// knows; what is not known, and what is for Parquet alone, is said.
func TestInspectOtherFormats(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.csv", []byte("n,s\n1,x\n2,y\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, inspector(), "inspect", "a.csv", "--rows", "1")
	if status != 0 || !strings.Contains(out, "bigint") || !strings.Contains(out, `"x"`) || strings.Contains(out, `"y"`) || !strings.Contains(out, "unknown number of rows") {
		t.Errorf("status %d: %s%s", status, errs, out)
	}
	halfDone(t, "b.parquet", "error")
	if err := os.WriteFile("c.what", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"inspect a.csv --verify":              "for Parquet files",
		"inspect .":                           "several formats",
		"inspect c.what":                      "cannot be told from the name",
		"inspect gone":                        "gone",
		"inspect a.csv --format prquet":       `"parquet"`,
		"inspect b.parquet --rows -1":         "may not be negative",
		"inspect":                             "missing a path",
		"inspect a.csv --format parquet":      "a.csv: not a Parquet file",
		"inspect b.parquet --format csv":      "b.parquet",
		"inspect a.csv --columns --frames -1": "may not be negative",
	} {
		if status, _, errs := call(t, inspector(), strings.Fields(args)...); status != statusMistake || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d: %s", args, status, errs)
		}
	}
}
