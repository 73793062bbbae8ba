package jobfile_test

import (
	"context"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// TestTrustNeedsHeaders: a read of what never bears headers cannot say whether to trust
// them; that is told where it says so.
func TestTrustNeedsHeaders(t *testing.T) {
	source := func(context.Context, rdd.Options, connectors.Env) (connectors.Source, error) { return nil, nil }
	lines := connectors.Kind{Name: "lines", Source: source, Fields: []connectors.Field{{Name: "path", Type: connectors.String, Main: true}}}
	for _, trust := range []string{"done", "none"} {
		src := "job: x\nlabels: [a]\ndatasets:\n  d:\n    - read: {lines: p, trust: " + trust + "}\n    - tag: {otherwise: a}\n    - write: console\n"
		_, err := jobfile.Parse("f", []byte(src), nil, kinds().With(lines))
		if err == nil || !strings.HasPrefix(err.Error(), "f:5:31: what lines reads bears no headers") {
			t.Errorf("trust %s: %v", trust, err)
		}
		if _, err := jobfile.Parse("f", []byte(strings.Replace(src, "lines", "parquet", 1)), nil, kinds().With(lines)); err != nil {
			t.Errorf("trust %s of parquet: %v", trust, err)
		}
	}
}
