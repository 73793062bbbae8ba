package work

import "github.com/idag/idag/rdd"

// State names the state of one part of a stateful stage, as it is at the end of a
// batch, and once it is saved the file that holds it.
type State struct {
	Epoch int64       `json:"epoch"` // of the driver that asks for it: no two write one file
	Batch rdd.BatchID `json:"batch"`
	Stage int         `json:"stage"`
	Index int         `json:"index"` // the part

	File  string `json:"file"`  // its name in the executor's directory
	Bytes int64  `json:"bytes"` // its size
	Sum   string `json:"sum"`   // xxh3-128 of its bytes in hexadecimal digits
	Rows  int64  `json:"rows"`  // of all its tables
}
