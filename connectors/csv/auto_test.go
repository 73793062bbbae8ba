package csv

import (
	"strings"
	"testing"

	"github.com/idag/idag/rdd"
)

// TestAutoHeader proves that under header: auto a header of other names is
// never passed over, nor its file read by position.
func TestAutoHeader(t *testing.T) {
	numbers := rdd.Options{"schema": "a bigint, b bigint, c bigint"}
	texts := rdd.Options{"schema": "a string, b string"}
	for _, c := range []struct {
		name  string
		o     rdd.Options
		files []string
		want  string // rows, or what the error says
		bad   int
	}{
		{"other names", numbers, []string{"a,b,c\n1,2,3\n", "p,q,r\n7,8,9\n"}, `2.csv: it has no column "a"`, 0},
		{"other names first", numbers, []string{"p,q,r\n7,8,9\n", "a,b,c\n1,2,3\n"}, `1.csv: it has no column "a"`, 0},
		{"only other names", numbers, []string{"p,q,r\n7,8,9\n"}, `1.csv: it has no column "a"`, 0},
		{"other names of texts", texts, []string{"a,b\nx,y\n", "p,q\nv,w\n"}, `2.csv: it has no column "a"`, 0},
		{"no header beside a header", numbers, []string{"a,b,c\n1,2,3\n", "7,8,9\n"}, `2.csv: it has no column "a"`, 0},
		{"no header", numbers, []string{"1,2,3\n", "4,5,6\n"}, ` 0="1" 1="2" 2="3"; 0="4" 1="5" 2="6"`, 0},
		{"no header, texts", texts, []string{"x,y\n", "v,w\n"}, ` 0="x" 1="y"; 0="v" 1="w"`, 0},
		{"no header, nulls", rdd.Options{"schema": "a string, b bigint", "null": []string{"NA"}}, []string{"x,NA\n"}, ` 0="x" 1=null`, 0},
		{"no header, a bad value", numbers, []string{"1,x,3\n4,5,6\n"}, ` 0="4" 1="5" 2="6"`, 1},
		{"other order", numbers, []string{"a,b,c\n1,2,3\n", "c,b,a\n7,8,9\n"}, ` 0="1" 1="2" 2="3"; 0="9" 1="8" 2="7"`, 0},
		{"union", rdd.Options{"schema": "a bigint, b bigint", "union_by_name": true}, []string{"a,b\n1,2\n", "p,q\n7,8\n"}, ` 0="1" 1="2"; 0=null 1=null`, 0},
		{"inferred", nil, []string{"a,b\n1,2\n", "p,q\n7,8\n"}, `2.csv: its column "p" is not in`, 0},
		{"inferred, without", nil, []string{"1,x\n", "2,y\n"}, ` 0="1" 1="x"; 0="2" 1="y"`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, bad, err := readFiles(t, c.o, nil, c.files...)
			got := strings.Join(rows, ";")
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || err == nil && got != c.want || bad != c.bad {
				t.Errorf("got %s, %d bad, want %s", got, bad, c.want)
			}
		})
	}
}

// TestLateHeader proves the same of a file that inference did not look at.
func TestLateHeader(t *testing.T) {
	for _, o := range []rdd.Options{nil, {"schema": "a string, b string"}} {
		contents := make([]string, 20)
		for i := range contents {
			contents[i] = "a,b\nx,y\n"
		}
		contents[19] = "p,q\nx,y\n"
		if rows, _, err := readFiles(t, o, nil, contents...); err == nil || !strings.Contains(err.Error(), "20.csv: ") {
			t.Errorf("%v: %d rows, %v", o, len(rows), err)
		}
	}
}

// TestOnlyMark proves that a file of a byte order mark and nothing else has no
// rows, like an empty one.
func TestOnlyMark(t *testing.T) {
	for _, o := range []rdd.Options{nil, {"header": "true"}, {"schema": "a bigint, b bigint"}} {
		rows, bad, err := readFiles(t, o, nil, "a,b\n1,2\n", "\ufeff", "")
		if err != nil || bad != 0 || len(rows) != 1 {
			t.Errorf("%v: %q, %d bad, %v", o, rows, bad, err)
		}
	}
}
