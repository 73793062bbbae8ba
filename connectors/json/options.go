package json

import (

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
)

// settings are the options, checked.
type settings struct {
	schema  *arrow.Schema // declared, or nil
	strict  bool          // unknown keys are bad
	maxLine int
	epoch   map[string]int64 // nanoseconds of a unit, by column
	clock   clock
	nulls   bool // are written
}

func unknownColumn(path, name string) error {
	return fault.New(fault.Invalid, "%s: there is no column %q", path, name)
}

