package bypass

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Done: rows may come with the list of operations that whoever wrote them has applied,
// and enter a job behind these.
//
// It is sound because each digest of the list stands for an operation and all before
// it: for how the Tag gives the label, which columns with which types it looks at, and
// then for one operation after the other, with its parameters, the versions of
// its functions and the names and types of the columns it reads. So a list that
// is, as a whole, a beginning of what the job does with rows of a label was applied by
// the same operations to rows of that label, in that order. What these make of a row
// depends on the row alone: null, NaN and duplicates take the same way through
// them here and there. Where it does not, the list ends: before a window, which drops
// what is late by the ledger; before now(); before strict(), which makes dead letters;
// before a sample, which goes by a row's place; before rows of several datasets
// or labels meet. A list that differs anywhere proves nothing, not even the part in
// which it agrees: rows are not at a place where the job could take them up.
//
// A list says nothing of the rows if either was changed without the other: a source
// gives it only where it is bound to them. What is computed of a row beside the
// operations, its event time and its hash, is computed again; columns that an
// operation of the list has changed give another, which is refused.
//
// Who writes the rows may leave out columns: these stand behind the digests. A column
// that the rows do not have and that does not stand there is one they never had, as
// where it is another label's: it is null in them. One that does stand there is lost.

// chainVersion is part of every digest: it changes when operations or functions that
// ship with the engine come to other rows.
const chainVersion = "1"

// Link returns the digest of an operation of a kind, applied to rows to which all that
// the digest before stands for has been applied; the first has "" before. Parts spell
// all that decides what it makes of a row.
func Link(before, kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{chainVersion, before, kind}, parts...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes everything
	}
	return kind + ":" + hex.EncodeToString(h.Sum(nil)[:8])
}

// without begins what stands in a list for a column that was left out.
const without = "without:"

// Without returns what stands behind the digests of a list for a column of the rows
// that whoever wrote them left out.
func Without(column string) string { return without + column }

// Applied reports whether the list that rows came with proves that the operations of
// chain, all of them and none besides, were applied to them, and which columns of
// theirs were left out then.
func Applied(list, chain []string) (lost []string, ok bool) {
	if len(chain) == 0 || len(list) < len(chain) || !slices.Equal(list[:len(chain)], chain) {
		return nil, false
	}
	for _, s := range list[len(chain):] {
		column, is := strings.CutPrefix(s, without)
		if !is {
			return nil, false
		}
		lost = append(lost, column)
	}
	return lost, true
}
