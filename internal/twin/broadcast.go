package twin

import (
	"maps"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// told is a row that the job has written for itself, and the batch that it left in.
type told struct {
	batch  int
	values map[string]any
}

// recall adds columns of the newest row that batches up to the number in flight before
// this one have written: that of the latest window.
func (r *run) recall(d *rdd.Dataset, op rdd.Broadcast, in []row) ([]row, error) {
	var last map[string]any
	for _, t := range r.told[op.Of] {
		if t.batch > r.number-r.job.Settings.WithDefaults().InFlight {
			continue
		}
		if last == nil || windowStart(t.values) > windowStart(last) {
			last = t.values
		}
	}
	return r.each(d, op.For, in, func(_ *scope, x row) ([]row, string) {
		x.values = maps.Clone(x.values)
		for _, c := range op.Columns {
			x.values[c.Name] = last[c.Name]
		}
		return []row{x}, ""
	})
}

// toldAs is the name under which the job reads what a Write writes.
func toldAs(op rdd.Write) (string, bool) {
	name, ok := op.Options["name"].(string)
	return name, ok && op.Connector == "broadcast"
}

func windowStart(values map[string]any) arrow.Timestamp {
	t, _ := values[rdd.WindowStart].(arrow.Timestamp)
	return t
}
