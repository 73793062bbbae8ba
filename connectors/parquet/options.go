package parquet

import (
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

const defaultGroupRows = 128 << 10

// settings are the options, checked.
type settings struct {
	checked rdd.Options

	paths          []string
	columns        []string
	unionByName    bool
	hive           bool
	filename       string
	binaryAsString bool

	compression string
	groupRows   int
}

func readSettings(o rdd.Options, use connectors.Use) (settings, error) {
	o, err := Kind().Check(use, o)
	if err != nil {
		return settings{}, fault.Wrap(fault.Invalid, err)
	}
	s := settings{checked: o}
	s.paths, _ = o["path"].([]string)
	s.columns, _ = o["columns"].([]string)
	s.unionByName, _ = o["union_by_name"].(bool)
	s.hive, _ = o["hive_partitioning"].(bool)
	s.filename, _ = o["filename"].(string)
	s.binaryAsString, _ = o["binary_as_string"].(bool)
	s.compression, _ = o["compression"].(string)
	rows, _ := o["row_group_rows"].(int64)
	s.groupRows = int(min(rows, 1<<30))
	switch {
	case len(s.paths) == 0 || s.paths[0] == "":
		return s, fault.New(fault.Invalid, "parquet: the path is empty")
	case use == connectors.Writing && s.groupRows <= 0:
		return s, fault.New(fault.Invalid, "parquet: row_group_rows must be positive")
	}
	return s, nil
}
