package executor

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel"
)

// checksum adds the letters to the result, by what is the same in every plan.
func (d *deadLetters) checksum() {
	cols := d.identity(func(l *letter) string {
		// However its expressions are spelled.
		return fmt.Sprintf("%s#%d", d.run.x.Plan.Ops[l.op].Dataset.Op().Kind(), l.op)
	})
	defer releaseAll(cols)
	schema := LetterSchema()
	b := record(func(i int) string { return schema.Field(i).Name }, cols, len(d.list))
	defer b.Release()
	var sum kernel.Checksum
	sum.AddBatch("_dead_letter", b)
	d.run.tally.checksum(sum)
}

// batch is the letters as rows of LetterSchema.
func (d *deadLetters) batch() arrow.RecordBatch {
	cols := d.identity(func(l *letter) string { return d.run.x.Plan.Ops[l.op].Text })
	now, done := kernel.NewFixed[int64](d.run.mem, timestamp(), len(d.list))
	for i := range now {
		now[i] = d.run.task.Now
	}
	cols = append(cols, d.text(splitName), d.text(func(l *letter) (string, bool) { return l.note, l.note != "" }), done(nil),
		d.text(func(l *letter) (string, bool) { return string(l.original), utf8.Valid(l.original) }), d.bytes())
	defer releaseAll(cols)
	return array.NewRecordBatch(LetterSchema(), cols, int64(len(d.list)))
}

// identity makes the first columns of letters.
func (d *deadLetters) identity(operation func(l *letter) string) []arrow.Array {
	whole := func(get func(l *letter) int64) arrow.Array {
		return int64s(d.run.mem, len(d.list), func(i int) int64 { return get(&d.list[i]) })
	}
	return []arrow.Array{
		d.text(func(l *letter) (string, bool) { return l.reason, true }),
		d.text(func(l *letter) (string, bool) { return operation(l), true }),
		whole(func(l *letter) int64 { return int64(l.source) }),
		whole(func(l *letter) int64 { return int64(l.partition) }),
		whole(func(l *letter) int64 { return l.seq }),
		whole(func(l *letter) int64 { return int64(l.child) }),
	}
}

// text makes a column of strings; get says false for null.
func (d *deadLetters) text(get func(l *letter) (string, bool)) arrow.Array {
	b := array.NewStringBuilder(d.run.mem)
	defer b.Release()
	for i := range d.list {
		if v, ok := get(&d.list[i]); ok {
			b.Append(v)
			continue
		}
		b.AppendNull()
	}
	return b.NewArray()
}

// bytes makes the column of the originals that are no text.
func (d *deadLetters) bytes() arrow.Array {
	b := array.NewBinaryBuilder(d.run.mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	for i := range d.list {
		if o := d.list[i].original; !utf8.Valid(o) {
			b.Append(o)
			continue
		}
		b.AppendNull()
	}
	return b.NewArray()
}

func splitName(l *letter) (string, bool) {
	if l.split == nil {
		return "", false
	}
	return l.split.Name, true
}
