package json

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

func TestFirst(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	in := `{"a":1,"b":"x","c":1.5,"ts":"2026-01-02T03:04:05.5Z","n":{"p":1,"q":["a","b",null]},"z":true}
{"a":2,"b":null,"c":7,"ts":"2026-01-02T03:04:05.5Z","n":null}

{"a":"x"}
{"c":"NaN", "b":"x\u00e9","n":{},"a":3.0}
{"a":2`
	f := newFormat(&settings{maxLine: 1 << 20})
	s, err := f.Infer(t.Context(), []files.Head{{Path: "x", Data: []byte(`{"a":1,"b":"x","c":1.5,"ts":"2026-01-02T03:04:05.5Z","n":{"p":1,"q":["a","b",null]},"z":true}`)}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s)
	var cols []string
	for _, f := range s.Fields() {
		cols = append(cols, f.Name)
	}
	for fr, err := range f.Read(t.Context(), files.Input{R: strings.NewReader(in)}, s, rdd.Projection{Columns: cols, Mem: mem, Raw: true}) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(fr.Batch)
		fmt.Printf("%+v %s\n", fr.Header.Origin, fr.Header.Raw)
		for _, b := range fr.Header.Bad {
			fmt.Println(b.Seq, string(b.Raw), b.Text)
		}
	}
}
