package files

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// keyColumns are the columns that the key=value directories of files make, in
// the order in which they appear: whole numbers if all values are, else strings.
func keyColumns(list []Found) []arrow.Field {
	var out []arrow.Field
	for _, f := range list {
		for _, k := range f.Keys {
			i := slices.IndexFunc(out, func(o arrow.Field) bool { return o.Name == k.Name })
			if i < 0 {
				i = len(out)
				out = append(out, arrow.Field{Name: k.Name, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
			}
			if _, err := strconv.ParseInt(k.Value, 10, 64); err != nil && !k.Null {
				out[i].Type = arrow.BinaryTypes.String
			}
		}
	}
	return out
}

// missingKey reports the first file that lacks a column which the directories of
// another make.
func missingKey(list []Found, keys []arrow.Field) error {
	for _, f := range list {
		for _, k := range keys {
			if !slices.ContainsFunc(f.Keys, func(have Key) bool { return have.Name == k.Name }) {
				return fault.New(fault.Invalid, "column %q, which is a directory's key elsewhere, is missing in %s "+
					"(union_by_name: true makes it null there)", k.Name, f.Path)
			}
		}
	}
	return nil
}

// withKeys returns the schema of rows with the columns that their directories
// make, which come last and hide a column of the same name.
func withKeys(rows *arrow.Schema, keys []arrow.Field) *arrow.Schema {
	isKey := func(f arrow.Field) bool {
		return slices.ContainsFunc(keys, func(k arrow.Field) bool { return k.Name == f.Name })
	}
	fields := slices.DeleteFunc(slices.Clone(rows.Fields()), isKey)
	meta := rows.Metadata()
	return arrow.NewSchema(append(fields, keys...), &meta)
}

// constant is a column that has one value in all rows of a file. It travels in
// the payload of a split.
type constant struct {
	Name  string  `json:"name"`
	Whole bool    `json:"whole,omitempty"` // a whole number, else a string
	Value *string `json:"value,omitempty"` // nil is null
}

// constants are the columns that the directories of a file make, and nulls for
// those that only other files have.
func constants(f Found, keys []arrow.Field) []constant {
	out := make([]constant, 0, len(keys))
	for _, k := range keys {
		c := constant{Name: k.Name, Whole: k.Type.ID() == arrow.INT64}
		for _, have := range f.Keys {
			if have.Name == k.Name && !have.Null {
				v := strings.Clone(have.Value)
				c.Value = &v
			}
		}
		out = append(out, c)
	}
	return out
}

func (c *constant) dataType() arrow.DataType {
	if c.Whole {
		return arrow.PrimitiveTypes.Int64
	}
	return arrow.BinaryTypes.String
}

// array makes n rows of c. A string is a dictionary with one value.
func (c *constant) array(mem memory.Allocator, n int) arrow.Array {
	switch {
	case c.Value == nil:
		return kernel.Nulls(mem, c.dataType(), n)
	case c.Whole:
		v, _ := strconv.ParseInt(*c.Value, 10, 64) // it was found to be one
		b := array.NewInt64Builder(mem)
		defer b.Release()
		b.Reserve(n)
		for range n {
			b.UnsafeAppend(v)
		}
		return b.NewArray()
	}
	one := array.NewStringBuilder(mem)
	defer one.Release()
	one.Append(*c.Value)
	dict := one.NewArray()
	defer dict.Release()
	codes := array.NewInt32Builder(mem)
	defer codes.Release()
	codes.Reserve(n)
	for range n {
		codes.UnsafeAppend(0)
	}
	index := codes.NewArray()
	defer index.Release()
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	return array.NewDictionaryArray(dt, index, dict)
}
