package json

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/parse"
	"github.com/idag/idag/rdd"
)

const (
	defaultMaxLine = 64 << 20
	longestLine    = 1 << 30 // so that a frame's bytes fit in int32
)

// settings are the options, checked.
type settings struct {
	schema  *arrow.Schema // declared, or nil
	strict  bool          // unknown keys are bad
	maxLine int
	epoch   map[string]int64 // nanoseconds of a unit, by column; "" is for all others
	clock   clock

	nulls       bool // are written
	compression string
}

func readSettings(o rdd.Options, use connectors.Use) (*settings, error) {
	o, err := Kind().Check(use, o)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	s := &settings{strict: word(o, "unknown") == "bad", nulls: word(o, "nulls") == "write", compression: word(o, "compression")}
	if use == connectors.Writing {
		return s, nil
	}
	most, _ := o["max_line"].(int64)
	if most <= 0 || most > longestLine {
		return nil, optionError("max_line", "is bytes, 1 to %d", int64(longestLine))
	}
	s.maxLine = int(most)
	if err := s.readTimes(o); err != nil {
		return nil, err
	}
	units, _ := o["epoch"].([]string)
	if err := s.readEpoch(units); err != nil {
		return nil, err
	}
	return s, s.readSchema(word(o, "schema"))
}

func word(o rdd.Options, name string) string {
	s, _ := o[name].(string)
	return s
}

func (s *settings) readTimes(o rdd.Options) (err error) {
	if p := word(o, "date_format"); p != "" {
		if s.clock.dates, err = parse.NewLayout(p); err != nil {
			return optionError("date_format", "%v", err)
		}
	}
	if p := word(o, "timestamp_format"); p != "" {
		if s.clock.stamps, err = parse.NewLayout(p); err != nil {
			return optionError("timestamp_format", "%v", err)
		}
	}
	if z := word(o, "timezone"); z != "" && z != "UTC" {
		if s.clock.zone, err = time.LoadLocation(z); err != nil {
			return optionError("timezone", "%q is no time zone such as Europe/Berlin", z)
		}
	}
	return nil
}

// readEpoch reads "column=unit", or "unit" for all columns that have none.
func (s *settings) readEpoch(list []string) error {
	s.epoch = map[string]int64{}
	for _, e := range list {
		column, unit := "", e
		if i := strings.LastIndexByte(e, '='); i >= 0 {
			column, unit = strings.TrimSpace(e[:i]), strings.TrimSpace(e[i+1:])
		}
		ns := map[string]int64{"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}[unit]
		if ns == 0 {
			return optionError("epoch", "is a unit of s, ms, us, ns, or column=unit, not %q", e)
		}
		s.epoch[column] = ns
	}
	return nil
}

// unit returns the nanoseconds of a unit of a column's numbers, 0 where numbers
// are not times.
func (s *settings) unit(column string, k kind) int64 {
	if k != kindTime && k != kindDate && k != kindSpan {
		return 0
	}
	if ns, ok := s.epoch[column]; ok || k != kindTime {
		return ns
	}
	return s.epoch[""]
}

func (s *settings) readSchema(ddl string) (err error) {
	if ddl == "" {
		return nil
	}
	if s.schema, err = expr.ParseSchema(ddl); err != nil {
		return optionError("schema", "%v", err)
	}
	b := builder{opts: s, plain: func(string) bool { return true }}
	if _, err := b.root(s.schema, nil); err != nil {
		return optionError("schema", "%v", err)
	}
	return nil
}

func unknownColumn(path, name string) error {
	return fault.New(fault.Bug, "%s: there is no column %q", path, name)
}

func optionError(option, format string, args ...any) error {
	return &connectors.OptionError{Kind: "json", Option: option, Text: fmt.Sprintf(format, args...)}
}
