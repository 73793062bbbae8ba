package letters_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/letters"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The kind of files that letters are in shows in their names.
func TestKind(t *testing.T) {
	for name, want := range map[string]string{
		"a.jsonl": "json", "b/c.json.gz": "json", "b=1/x.parquet": "parquet", "x.csv.zst": "csv", "x.arrow": "arrow", "_x.json": "", ".x.json": "", "x.txt": "",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := letters.Kind(dir)
		if got != want || (name == "x.txt") != (err != nil && fault.Of(err) == fault.Invalid) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Letters come back with their parts, those that are no text too; what is no
// letter is refused with its place.
func TestRead(t *testing.T) {
	dir, kinds := t.TempDir(), connectors.NewRegistry(json.Kind())
	put := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "part-1.jsonl"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"reason":"late","operation":"window","source":0,"partition":2,"offset":3,"name":"x","time":"2026-01-05T00:00:00Z","original":"{}"}` + "\n" +
		`{"reason":"improper ingest","source":-1,"original_bytes":"Yf8="}` + "\n")
	var got []letters.Letter
	for l, err := range letters.Read(t.Context(), kinds, dir) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != 2 || got[0].Reason != "late" || got[0].Partition != 2 || got[0].Offset != 3 || got[0].Time.Year() != 2026 ||
		string(got[0].Original) != "{}" || string(got[1].Original) != "a\xff" || got[1].Source != -1 {
		t.Errorf("%+v", got)
	}
	for _, err := range letters.Read(t.Context(), kinds, dir) {
		if err != nil {
			t.Fatal(err)
		}
		break // whoever has seen enough leaves nothing behind
	}
	put("{\"reason\":\"late\"}\n{oops\n")
	failed := false
	for _, err := range letters.Read(t.Context(), kinds, dir) {
		failed = failed || fault.Of(err) == fault.Invalid && err != nil
	}
	if !failed {
		t.Error("a line that is no letter was passed over")
	}
}

// A schema is spelled so that any column's name is read back.
func TestDDL(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{{Name: "a`b c", Type: arrow.PrimitiveTypes.Int64}, {Name: "x", Type: arrow.ListOf(arrow.BinaryTypes.String)}}, nil)
	if got := letters.DDL(s); got != "`a``b c` bigint, `x` array<string>" {
		t.Error(got)
	}
	if len(letters.DDL(executor.LetterSchema())) == 0 {
		t.Error("letters have no columns")
	}
}
