package generate

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// fleetColumn is a column of ev-fleet, drawn in one of four ways.
type fleetColumn struct {
	name   string
	typ    arrow.DataType
	null   bool
	number func(r *evRow, c *carSpec) float64       // NaN is null
	flag   func(r *evRow) bool                      //
	code   func(r *evRow, backup bool) (name int32) // less than 0 is null
	names  []string                                 // by code; nil: one a car
}

func fleetColumns() []fleetColumn {
	unless := func(fault uint8, r *evRow, v float64) float64 {
		if r.fault == fault {
			return math.NaN()
		}
		return v
	}
	number := func(name string, null bool, f func(*evRow, *carSpec) float64) fleetColumn {
		return fleetColumn{name: name, typ: arrow.PrimitiveTypes.Float64, null: null, number: f}
	}
	flag := func(name string, f func(*evRow) bool) fleetColumn {
		return fleetColumn{name: name, typ: arrow.FixedWidthTypes.Boolean, flag: f}
	}
	byCar := func(r *evRow, _ bool) int32 { return int32(r.car) }
	return []fleetColumn{
		{name: "timestamp", typ: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		text("car_id", byCar),
		text("model", byCar),
		number("current_speed", true, func(r *evRow, _ *carSpec) float64 { return unless(faultSpeed, r, r.speed) }),
		number("battery_capacity", false, func(_ *evRow, c *carSpec) float64 { return c.capacity }),
		number("charge", true, func(r *evRow, _ *carSpec) float64 { return unless(faultCharge, r, r.charge) }),
		number("consumption", true, func(r *evRow, _ *carSpec) float64 { return unless(faultUse, r, r.use) }),
		number("location", false, func(r *evRow, _ *carSpec) float64 { return r.km }),
		text("node", func(r *evRow, _ bool) int32 { return int32(nodeAt(r.km)) }, "node1", "node2", "node3", "node4"),
		text("car_status", func(r *evRow, _ bool) int32 { return int32(r.status) }, "driving", "charging", "stopped", "slowed", "arrived", "empty"),
		number("distance_covered", false, func(r *evRow, c *carSpec) float64 { return r.km - c.start }),
		number("battery_life", false, func(r *evRow, c *carSpec) float64 { return c.lifeAt(r.minute) }),
		number("distance_to_charging_point", true, func(r *evRow, _ *carSpec) float64 { return nextStation(r.km) }),
		text("weather", func(r *evRow, _ bool) int32 { return int32(r.weather) }, "sunny", "rainy", "snowy"),
		text("traffic", func(r *evRow, _ bool) int32 { return int32(r.traffic) }, "light", "moderate", "heavy"),
		text("road_gradient", func(r *evRow, _ bool) int32 { return int32(r.gradient) }, "flat", "uphill", "downhill"),
		nullable(text("emergency", func(r *evRow, _ bool) int32 { return int32(r.emergency) - 1 }, "accident", "road closure")),
		nullable(fleetColumn{name: "emergency_duration", typ: arrow.PrimitiveTypes.Int64}),
		flag("charging", func(r *evRow) bool { return r.status == charging }),
		text("kind", kindOf, "error", "backup", "information"),
		flag("threshold", func(r *evRow) bool { return r.charge <= 50 }),
		flag("reach", func(r *evRow) bool { return r.reach }),
	}
}

// nextStation is how far the next station is, NaN without one.
func nextStation(km float64) float64 {
	if at, ok := ahead(km, 0, false); ok {
		return at - km
	}
	return math.NaN()
}

// kindOf is the label's name, in the order of meter's constants.
func kindOf(r *evRow, backup bool) int32 {
	switch {
	case backup:
		return kindBackup
	case r.onset || r.fault != noFault:
		return kindError
	}
	return kindInformation
}

func text(name string, f func(*evRow, bool) int32, names ...string) fleetColumn {
	t := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	return fleetColumn{name: name, typ: t, code: f, names: names}
}

func nullable(c fleetColumn) fleetColumn {
	c.null = true
	return c
}

func fleetSchema(cols []fleetColumn, said arrow.Metadata) *arrow.Schema {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: c.null}
	}
	return arrow.NewSchema(fields, &said)
}
