package planner

import (
	"testing"
	"time"

	"github.com/idag/idag/rdd"
)

// TestOptionsOfGoPrograms: options as a Go program gives them have the digest of the job
// file that says the same.
func TestOptionsOfGoPrograms(t *testing.T) {
	program := rdd.Options{"poll": 90 * time.Second, "paths": []any{"a", 1}, "types": map[string]any{"x": "date"}, "rows": int64(3), "flag": true}
	file := rdd.Options{"poll": "1m30s", "paths": []string{"a", "1"}, "types": map[string]string{"x": "date"}, "rows": int64(3), "flag": true}
	if options(program) != options(file) {
		t.Errorf("%s and %s", options(program), options(file))
	}
	if options(program) == options(rdd.Options{"poll": "2m"}) {
		t.Error("other options are spelled alike")
	}
}
