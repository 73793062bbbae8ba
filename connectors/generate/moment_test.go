package generate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// minute of event time, in microseconds.
const minute = 60_000_000

// cut is what one Cut gives.
func cut(t rapid.TB, s connectors.Source, from rdd.Offset, wish int64) (splits []rdd.Split, next rdd.Offset, end bool) {
	splits, next, err := s.Cut(context.Background(), from, rdd.Size{Rows: wish})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return splits, next, err != nil
}

// Topics of any number are cut up to one moment: whatever the wishes, no row of a cut
// is earlier than a row of one before it, by more than the minute that one cut may
// divide; each row comes once, in its partition's sequence; a wish is kept, and missed
// by no more than the next minute has.
func TestTopicsAreCutByTime(t *testing.T) {
	mem := memory.NewGoAllocator()
	all := []string{"electric_car_data", "node1_data", "node2_data", "node3_data", "node4_data", "node1_server_data", "node4_server_data"}
	rapid.Check(t, func(rt *rapid.T) {
		topics := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID[string]).Draw(rt, "topics")
		cars := rapid.IntRange(1, 40).Draw(rt, "cars")
		s := open(t, mem, rdd.Options{"events": "ev-fleet", "topics": topics, "cars": cars, "trips": rapid.IntRange(1, 3).Draw(rt, "trips"), "seed": rapid.Int64Range(0, 5).Draw(rt, "seed")})
		defer func() { _ = s.Close() }()
		next := make([]int64, len(topics))
		var at rdd.Offset
		latest := int64(-1 << 62)
		for end := false; !end; {
			var splits []rdd.Split
			wish := rapid.Int64Range(1, 3000).Draw(rt, "wish")
			splits, at, end = cut(rt, s, at, wish)
			rows, before := int64(0), latest
			for _, x := range splits {
				if x.First != next[x.Partition] || x.Rows < 1 || !x.Times.Known {
					rt.Fatalf("%+v after %d", x, next[x.Partition])
				}
				if x.Times.Min < before {
					rt.Fatalf("%+v after %d", x, before)
				}
				next[x.Partition] += x.Rows
				rows += x.Rows
				latest = max(latest, x.Times.Max)
			}
			if rows > wish || !end && rows < wish-int64(cars*len(topics)) || rows == 0 && !end {
				rt.Fatalf("%d rows for a wish of %d, end %v", rows, wish, end)
			}
		}
		if want := strings.ReplaceAll(fmt.Sprint(next), " ", ","); string(at) != want {
			rt.Errorf("offset %s after %s", at, want)
		}
		for i, name := range topics {
			if want := fleetRows(t, s, name, i); next[i] != want {
				rt.Errorf("%d of %d rows of %s", next[i], want, name)
			}
		}
	})
}

// fleetRows counts the rows of a topic in one cut of everything.
func fleetRows(t testing.TB, s connectors.Source, name string, p int) (n int64) {
	for _, x := range cuts(t, s, 0) {
		if x.Name == name && int(x.Partition) == p {
			n += x.Rows
		}
	}
	return n
}

// The topics of quiet nodes do not run ahead of those of busy ones, as they would if
// all were cut by rows: after any cut the last rows of all lie within a minute, as far
// as there are rows. And an offset that another had cut by rows is gone on from.
func TestQuietTopicsWait(t *testing.T) {
	mem := memory.NewGoAllocator()
	topics := []string{"node1_data", "node2_data", "node3_data", "node4_data"}
	s := open(t, mem, rdd.Options{"events": "ev-fleet", "topics": topics})
	defer func() { _ = s.Close() }()
	splits, at, _ := cut(t, s, "", 800)
	last := map[string]int64{}
	for _, x := range splits {
		last[x.Name] = x.Times.Max
	}
	if len(last) != 4 || last["node1_data"]-last["node4_data"] > minute || last["node4_data"]-last["node1_data"] > minute {
		t.Fatalf("the last rows are at %v of %s", last, at)
	}
	splits, at, end := cut(t, s, "[900,0,0,0]", 500)
	if end || slices.ContainsFunc(splits, func(x rdd.Split) bool { return x.Partition == 0 && x.First != 900 }) {
		t.Errorf("%+v, next %s", splits, at)
	}
	behind := splits[len(splits)-1].Times.Max
	splits, _, _ = cut(t, s, at, 3000)
	for _, x := range splits {
		if x.Partition > 0 && x.Times.Min < behind-minute {
			t.Errorf("%+v after %d", x, behind)
		}
	}
}
