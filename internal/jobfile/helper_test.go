package jobfile_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds are two connectors with options of every type, which nobody opens.
func kinds() connectors.Registry {
	source := func(context.Context, rdd.Options, connectors.Env) (connectors.Source, error) { return nil, nil }
	sink := func(context.Context, rdd.Options, connectors.Env) (connectors.Sink, error) { return nil, nil }
	return connectors.NewRegistry(
		connectors.Kind{Name: "parquet", Listed: true, Source: source, Sink: sink, Fields: []connectors.Field{
			{Name: "path", Type: connectors.Strings, Required: true, Main: true},
			{Name: "compression", Type: connectors.String, Default: "snappy", Enum: []string{"snappy", "zstd", "none"}, For: connectors.Writing},
			{Name: "row_group_rows", Type: connectors.Int, Default: int64(131072), For: connectors.Writing},
			{Name: "union_by_name", Type: connectors.Bool, Default: false, For: connectors.Reading},
			{Name: "fraction", Type: connectors.Float},
			{Name: "types", Type: connectors.Mapping},
			{Name: "poll", Type: connectors.Duration, For: connectors.Reading},
		}},
		connectors.Kind{Name: "console", Sink: sink, Fields: []connectors.Field{{Name: "limit", Type: connectors.Int, Default: int64(20)}}},
	)
}

// difference says how two jobs differ, places and names aside, or "".
func difference(a, b *rdd.Job) string {
	if a.Dead.Connector != b.Dead.Connector || !reflect.DeepEqual(a.Dead.Options, b.Dead.Options) || a.Dead.Limit() != b.Dead.Limit() {
		return fmt.Sprintf("%+v\n%+v", a.Dead, b.Dead)
	}
	if a.Name != b.Name || !slices.Equal(a.Labels, b.Labels) || a.Settings != b.Settings {
		return fmt.Sprintf("%q %q %+v\n%q %q %+v", a.Name, a.Labels, a.Settings, b.Name, b.Labels, b.Settings)
	}
	da, db := a.Datasets(), b.Datasets()
	if len(da) != len(db) || len(a.Sinks) != len(b.Sinks) {
		return fmt.Sprintf("%d datasets, %d sinks; %d datasets, %d sinks", len(da), len(a.Sinks), len(db), len(b.Sinks))
	}
	at := map[*rdd.Dataset]int{}
	for i := range da {
		at[da[i]], at[db[i]] = i, i
	}
	for i := range da {
		if !reflect.DeepEqual(da[i].Op(), db[i].Op()) {
			return fmt.Sprintf("operation %d:\n%#v\n%#v", i, da[i].Op(), db[i].Op())
		}
		pa, pb := da[i].Parents(), db[i].Parents()
		if !slices.EqualFunc(pa, pb, func(x, y *rdd.Dataset) bool { return at[x] == at[y] }) {
			return fmt.Sprintf("operation %d, a %s, has other parents", i, da[i].Op().Kind())
		}
	}
	for i := range a.Sinks {
		if at[a.Sinks[i]] != at[b.Sinks[i]] {
			return fmt.Sprintf("sink %d is another one", i)
		}
		if a.Scheduled(a.Sinks[i]) != b.Scheduled(b.Sinks[i]) {
			return fmt.Sprintf("sink %d is scheduled: %t, %t", i, a.Scheduled(a.Sinks[i]), b.Scheduled(b.Sinks[i]))
		}
	}
	return ""
}
