package files

import (
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// settings are the options that all connectors of files have, checked.
type settings struct {
	paths []string
	hive  bool
	union bool
	mode  string

	follow       bool
	settle, poll time.Duration
	// filename is the column that holds each row's file, or "".
	filename string
}

func readSettings(name string, o rdd.Options) (settings, error) {
	var s settings
	s.paths, _ = o["path"].([]string)
	s.hive, _ = o["hive_partitioning"].(bool)
	s.filename, _ = o["filename"].(string)
	s.union, _ = o["union_by_name"].(bool)
	s.mode, _ = o["mode"].(string)
	s.follow, _ = o["follow"].(bool)
	s.settle, _ = o["settle"].(time.Duration)
	s.poll, _ = o["poll"].(time.Duration)
	if len(s.paths) == 0 || s.paths[0] == "" {
		return s, fault.New(fault.Invalid, "%s: the path is empty", name)
	}
	if s.settle < 0 || s.poll < 0 {
		return s, fault.New(fault.Invalid, "%s: settle and poll must not be negative", name)
	}
	return s, nil
}
