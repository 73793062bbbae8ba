package json

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// A run that goes on reads by the schema that it began with, whatever the files
// would say by now.
func TestRecordedSchema(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(`{"v":1.5,"new":true}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	o, err := Kind().Check(connectors.Reading, rdd.Options{"path": dir})
	if err != nil {
		t.Fatal(err)
	}
	old := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	for _, recorded := range []*arrow.Schema{nil, old} {
		s, err := Kind().Source(t.Context(), o, connectors.Env{Schema: recorded})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Schema(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if recorded == nil && got.NumFields() != 2 || recorded != nil && !got.Equal(old) {
			t.Errorf("with %v the schema is %v", recorded, got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
