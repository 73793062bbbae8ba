package types

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Settle lets an array find out now what it would find out when it is first
// asked: how many nulls it has, and its dictionary. From then on it only gives
// answers, so that several goroutines may read it at once. Whoever shares arrays
// settles them before.
func Settle(a arrow.Array) {
	a.NullN()
	switch a := a.(type) {
	case *array.Dictionary:
		Settle(a.Dictionary())
	case *array.Struct:
		for i := range a.NumField() {
			Settle(a.Field(i))
		}
	case array.ListLike: // maps too
		Settle(a.ListValues())
	}
}
