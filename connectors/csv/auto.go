package csv

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/files"
)

// hasHeader tells under header: auto whether a file has a header whose first
// row has the given fields. All files of a source have one or none has: where
// columns were inferred their names tell, and where they are declared what the
// first files look like does.
func (f *format) hasHeader(fields []string, schema *arrow.Schema) bool {
	switch {
	case named(fields, schema):
		return true
	case len(f.columns) > 0:
		return false
	case f.schema == nil:
		return !numbered(schema)
	}
	return f.headed.Load() || f.titles(fields, schema)
}

// decide notes whether one of the files has a header, for columns that are
// declared.
func (f *format) decide(heads []files.Head, schema *arrow.Schema) {
	if f.header != headerAuto || len(f.columns) > 0 {
		return
	}
	for _, h := range heads {
		data := f.encoding.head(h.Data)
		if row, _, next := f.firstRow(data); next > 0 && len(row) > 0 {
			fields := f.names(row, f.detect([][]byte{row}, schema.NumFields()))
			if named(fields, schema) || f.titles(fields, schema) {
				f.headed.Store(true)
				return
			}
		}
	}
}

// titles reports whether a first row can only be a header: all of it are texts,
// one where the schema has a number or a time. A boolean is none of those, as
// there are many words for it.
func (f *format) titles(fields []string, schema *arrow.Schema) bool {
	if !f.isHeader(fields) {
		return false
	}
	for i, v := range fields[:min(len(fields), schema.NumFields())] {
		switch schema.Field(i).Type.ID() {
		case arrow.INT64, arrow.FLOAT64, arrow.DECIMAL128, arrow.DATE32, arrow.TIMESTAMP:
			if strings.TrimSpace(v) != "" {
				return true
			}
		default:
		}
	}
	return false
}

// numbered reports whether columns have the names that those of files without
// a header get.
func numbered(schema *arrow.Schema) bool {
	for i, f := range schema.Fields() {
		if f.Name != "column"+strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// isNull reports whether a text means null.
func (s *settings) isNull(v string) bool { return slices.Contains(s.nulls, v) }
