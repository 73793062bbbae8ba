package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/scalar"
)

// chooser puts a column together from branches that each give some of the
// rows. Rows that no branch gives are null.
type chooser struct {
	x   *exec
	n   int
	out vec

	texts []vec          // branches that are put together at the end
	which *memory.Buffer // index into texts by row
}

func (x *exec) chooser(k kind) *chooser {
	c := &chooser{x: x, n: x.rows}
	if k.isText() || k.isNested() {
		c.out = vec{kind: k, n: c.n}
		c.which = x.alloc(4 * c.n)
		fill(view[int32](c.which, c.n), -1)
	} else {
		c.out = x.fixed(k, c.n)
	}
	c.out.valid = x.bitmap(c.n, false)
	return c
}

func (c *chooser) release() {
	c.out.release()
	releaseAll(c.texts)
	if c.which != nil {
		c.which.Release()
	}
}

// reach counts the failures of v in the rows of mask.
func (c *chooser) reach(v *vec, mask *memory.Buffer) {
	for _, p := range [...]struct {
		to   **memory.Buffer
		from *memory.Buffer
	}{{&c.out.fail, v.fail}, {&c.out.hard, v.hard}} {
		if p.from != nil {
			all := c.x.spreadBits(v, p.from, c.n)
			c.x.or(p.to, c.x.within(all, mask, c.n), c.n)
			all.Release()
		}
	}
}

// take gives the rows of sel the values of v.
func (c *chooser) take(v *vec, sel *memory.Buffer) {
	mask := bitsOf(sel, c.n)
	valid := bitsOf(c.out.valid, c.n)
	switch {
	case v.valid == nil:
		valid.Or(valid, mask)
	case v.konst:
		if v.isNull() {
			return
		}
		valid.Or(valid, mask)
	default:
		for i, w := range bitsOf(v.valid, c.n) {
			valid[i] |= w & mask[i]
		}
	}
	switch c.out.kind {
	case kBool:
		bits := c.out.bits()
		vals := c.x.spreadBits(v, v.vals, c.n)
		for i, w := range bitsOf(vals, c.n) {
			bits[i] = bits[i]&^mask[i] | w&mask[i]
		}
		vals.Release()
	case kInt, kTime, kInterval:
		scalar.Assign(c.out.ints(), v.ints(), mask)
	case kFloat:
		scalar.Assign(c.out.floats(), v.floats(), mask)
	case kDate:
		scalar.Assign(c.out.days(), v.days(), mask)
	case kNull, kString, kBinary:
		fallthrough
	default:
		if c.out.kind.isDecimal() {
			scalar.Assign(c.out.decimals(), v.decimals(), mask)
			return
		}
		scalar.Assign(view[int32](c.which, c.n), []int32{int32(len(c.texts))}, mask)
		c.texts = append(c.texts, v.retain())
	}
}

// finish is the column; the chooser holds nothing any more.
func (c *chooser) finish() (vec, error) {
	defer c.release()
	if bitsOf(c.out.valid, c.n).Count(c.n) == c.n {
		c.out.valid.Release()
		c.out.valid = nil
	}
	switch {
	case c.out.kind == kBinary || c.out.kind.isNested():
		if err := c.finishNested(); err != nil {
			return vec{}, err
		}
	case c.out.kind == kString:
		if err := c.finishTexts(); err != nil {
			return vec{}, err
		}
	}
	out := c.out
	c.out = vec{}
	return out, nil
}

// finishNested puts the branches one after the other and takes the rows.
func (c *chooser) finishNested() error {
	valid := c.out.valid
	c.out.valid = nil
	if len(c.texts) == 0 {
		none := c.x.null(c.out.kind)
		c.x.flatten(&none)
		c.x.drop(&none.valid)
		none.fail, none.hard, none.valid = c.out.fail, c.out.hard, valid
		c.out = none
		return nil
	}
	parts, base := make([]arrow.Array, len(c.texts)), make([]int32, len(c.texts))
	size := int32(0)
	for i := range c.texts {
		parts[i], base[i] = c.texts[i].array(), size
		defer parts[i].Release()
		size += int32(c.texts[i].n)
	}
	all, err := kernel.Concat(c.x.mem, parts)
	if err != nil {
		return err
	}
	defer all.Release()
	which := view[int32](c.which, c.n)
	for i, w := range which {
		switch {
		case w < 0:
			which[i] = 0
		case c.texts[w].konst:
			which[i] = base[w]
		default:
			which[i] = base[w] + int32(i)
		}
	}
	rows := kernel.Take(c.x.mem, all, which)
	defer rows.Release()
	out := c.x.load(rows, c.out.kind)
	c.x.drop(&out.valid)
	out.fail, out.hard, out.valid = c.out.fail, c.out.hard, valid
	c.out = out
	return nil
}

// finishTexts joins the dictionaries of the branches if they all have one and
// it is worth it, else writes the strings one by one. A joined dictionary may
// hold a value twice.
func (c *chooser) finishTexts() error {
	size := 0
	base := make([]int32, len(c.texts))
	for i := range c.texts {
		t := &c.texts[i]
		if !t.coded && !t.konst {
			return c.copyTexts()
		}
		base[i] = int32(size)
		if j := c.sameDictionary(i); j < i {
			base[i] = base[j]
			continue
		}
		size += t.dictionarySize()
	}
	if size > 2*c.n+64 {
		return c.copyTexts()
	}
	return c.joinTexts(base, size)
}

func (v *vec) dictionarySize() int {
	if v.coded {
		return v.size
	}
	return 1
}

// sameDictionary is the first branch that shares its values with branch i.
func (c *chooser) sameDictionary(i int) int {
	for j := range i {
		a, b := &c.texts[i], &c.texts[j]
		if a.size == b.size && a.size > 0 && &a.offs.Bytes()[0] == &b.offs.Bytes()[0] && a.data.Len() == b.data.Len() {
			return j
		}
	}
	return i
}

func (c *chooser) joinTexts(base []int32, size int) error {
	out := c.x.textOut(size, 64)
	for i := range c.texts {
		if c.sameDictionary(i) < i {
			continue
		}
		t := c.texts[i].dictionaryTexts()
		for j := range c.texts[i].dictionarySize() {
			out.add(t.at(j))
		}
	}
	if err := out.finish(&c.out); err != nil {
		return err
	}
	c.out.coded, c.out.size, c.out.n = true, size, c.n
	c.out.vals, c.which = c.which, nil
	codes := c.out.codes()
	own := make([]rows[int32], len(c.texts))
	for i := range c.texts {
		own[i] = rows[int32]{v: []int32{0}}
		if c.texts[i].coded {
			own[i] = rows[int32]{v: c.texts[i].codes(), mask: -1}
		}
	}
	for i, w := range codes {
		code := int32(0)
		if w >= 0 {
			code = base[w] + own[w].at(i)
		}
		if uint32(code) >= uint32(size) {
			code = 0 // of a null row
		}
		codes[i] = code
	}
	return nil
}

// dictionaryTexts reads the values of the dictionary of v by code.
func (v *vec) dictionaryTexts() texts {
	values := vec{n: v.dictionarySize(), offs: v.offs, data: v.data}
	return values.texts()
}

func (c *chooser) copyTexts() error {
	from := make([]texts, len(c.texts))
	for i := range c.texts {
		from[i] = c.texts[i].texts()
	}
	valid := bitsOf(c.out.valid, c.n)
	out := c.x.textOut(c.n, 8*c.n)
	for i, w := range view[int32](c.which, c.n) {
		if w < 0 || valid != nil && !valid.Get(i) {
			out.add("")
			continue
		}
		out.add(from[w].at(i))
	}
	return out.finish(&c.out)
}
