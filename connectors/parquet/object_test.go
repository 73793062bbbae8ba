package parquet

import (
	"bytes"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// TestObjects proves that files in object storage read as those on a disk, their
// directories' keys too, and that an object which was replaced is noticed.
func TestObjects(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	put := func(key string, values ...int64) {
		t.Helper()
		var rows []row
		for _, v := range values {
			rows = append(rows, row{v})
		}
		b, err := os.ReadFile(save(t, t.TempDir()+"/x.parquet", numbers(), WriterOptions{RowGroupRows: 2}, rows...))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backend.PutObject("data", key, nil, bytes.NewReader(b), int64(len(b)), nil); err != nil {
			t.Fatal(err)
		}
	}
	put("t/day=1/a.parquet", 1, 2, 3)
	put("t/day=2/b.parquet", 4)
	o := rdd.Options{"path": "s3://data/t?region=here&access_key=k&secret_key=s&endpoint=" + server.URL}
	s := open(t, o, connectors.Env{})
	rows, err := readAll(s, checked(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, rows, []row{{int64(1), int64(1)}, {int64(2), int64(1)}, {int64(3), int64(1)}, {int64(4), int64(2)}})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	put("t/day=1/a.parquet", 7, 8, 9, 10)
	_, err = readSplit(open(t, o, connectors.Env{}), splits[0], rdd.Projection{Columns: []string{"n"}})
	wantInvalid(t, err, "s3://data/t/day=1/a.parquet", "has changed")
}
