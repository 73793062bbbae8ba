package json

// maxDepth bounds the nesting of a row, its own object included.
const maxDepth = 512

// maxCells bounds the values that lists and maps of one row may make: a list of
// a million empty objects is small as text and large as columns.
const maxCells = 1 << 26

// decoder reads rows into the columns of a schema.
type decoder struct {
	root    *node
	strict  bool // unknown keys are bad
	rows    int  // good rows since the columns were taken
	cells   int  // values of lists and maps of this row
	total   int  // and of this frame
	depth   int
	stamp   uint64   // the number of the object under way
	scratch []byte   // of the last string with escapes
	hashes  []uint64 // of the keys of the maps under way
	wrong   complaint
	tens    [16]float64 // powers of ten, which are exact
}

func newDecoder(root *node, strict bool) decoder {
	d := decoder{root: root, strict: strict}
	for i := range d.tens {
		d.tens[i] = tenTo(i)
	}
	return d
}

// row reads the line b as row number d.rows. A row that is bad leaves no trace
// but in d.wrong.
func (d *decoder) row(b []byte) bool {
	d.depth, d.cells, d.hashes = 0, 0, d.hashes[:0]
	p := space(b, 0)
	if b[p] != '{' {
		d.fail(d.root, p, wrongType)
		return false
	}
	if p = d.object(d.root, b, p, d.rows); p < 0 {
		return false
	}
	if p = space(b, p); p != len(b)-1 {
		d.fail(nil, p, trailing)
		return false
	}
	d.rows++
	d.total += d.cells
	return true
}

// fail notes what is wrong, and returns the place that stands for it.
func (d *decoder) fail(n *node, at int, f flaw) int {
	d.wrong = complaint{flaw: f, node: n, at: at}
	return -1
}

// value reads the value at p as value number at of n, and returns the place
// behind it, or -1.
func (d *decoder) value(n *node, b []byte, p, at int) int {
	switch n.kind {
	case kindInt:
		return d.int(n, b, p, at)
	case kindFloat:
		return d.float(n, b, p, at)
	case kindText:
		return d.text(n, b, p, at)
	case kindTime, kindDate, kindSpan, kindBinary, kindDecimal:
		return d.spelled(n, b, p, at)
	case kindBool:
		return d.bool(n, b, p, at)
	case kindStruct:
		if b[p] == '{' {
			return d.nested(n, b, p, at, d.object)
		}
	case kindList:
		if b[p] == '[' {
			return d.nested(n, b, p, at, d.list)
		}
	case kindMap:
		if b[p] == '{' {
			return d.nested(n, b, p, at, d.mapping)
		}
	}
	return d.other(n, b, p, at)
}

// other reads null, which every column takes; all else is of the wrong type.
func (d *decoder) other(n *node, b []byte, p, at int) int {
	if hasLiteral(b, p, "null") {
		n.null(at)
		return p + 4
	}
	return d.fail(n, p, wrongType)
}

func (d *decoder) nested(n *node, b []byte, p, at int, read func(n *node, b []byte, p, at int) int) int {
	if d.depth == maxDepth-1 {
		return d.fail(n, p, tooDeep)
	}
	d.depth++
	p = read(n, b, p, at)
	d.depth--
	return p
}

func (d *decoder) bool(n *node, b []byte, p, at int) int {
	switch {
	case hasLiteral(b, p, "true"):
		n.setBool(at, true)
		return p + 4
	case hasLiteral(b, p, "false"):
		n.setBool(at, false)
		return p + 5
	}
	return d.other(n, b, p, at)
}

func (d *decoder) int(n *node, b []byte, p, at int) int {
	start := p
	neg := b[p] == '-'
	if neg {
		p++
	}
	first, v := p, int64(0)
	for b[p]-'0' < 10 {
		v = v*10 + int64(b[p]-'0')
		p++
	}
	digits := p - first
	if digits == 0 && !neg {
		return d.other(n, b, start, at)
	}
	if c := b[p]; digits == 0 || digits > 18 || b[first] == '0' && digits > 1 || c == '.' || c|0x20 == 'e' {
		return d.oddInt(n, b, start, at)
	}
	if neg {
		v = -v
	}
	n.setInt(at, v)
	return p
}

// oddInt reads whole numbers with a fraction, an exponent or many digits.
func (d *decoder) oddInt(n *node, b []byte, p, at int) int {
	x, end, ok := scanNumber(b, p)
	if !ok {
		return d.fail(n, end, badSyntax)
	}
	v, ok := x.int64()
	if !ok {
		return d.fail(n, p, inexact)
	}
	n.setInt(at, v)
	return end
}

func (d *decoder) float(n *node, b []byte, p, at int) int {
	start, neg := p, b[p] == '-'
	if neg {
		p++
	}
	first, v, fraction := p, uint64(0), 0
	for b[p]-'0' < 10 {
		v = v*10 + uint64(b[p]-'0')
		p++
	}
	if b[p] == '.' && p > first {
		point := p
		for p++; b[p]-'0' < 10; p++ {
			v = v*10 + uint64(b[p]-'0')
		}
		fraction = p - point - 1
		first++ // the point is no digit
	}
	digits := p - first
	if digits == 0 || digits > 15 || b[p]|0x20 == 'e' || b[p-1] == '.' || b[first-min(fraction, 1)] == '0' && digits > fraction+1 {
		return d.longFloat(n, b, start, at)
	}
	f := float64(v) / d.tens[fraction] // both exact, so one rounding
	if neg {
		f = -f
	}
	n.setFloat(at, f)
	return p
}

// longFloat reads doubles with an exponent or many digits.
func (d *decoder) longFloat(n *node, b []byte, p, at int) int {
	if c := b[p]; c-'0' >= 10 && (c != '-' || b[p+1] == 'I') {
		return d.oddFloat(n, b, p, at)
	}
	x, end, ok := scanNumber(b, p)
	if !ok {
		return d.fail(n, end, badSyntax)
	}
	f, ok := x.float64()
	if !ok {
		return d.fail(n, p, inexact)
	}
	n.setFloat(at, f)
	return end
}

// oddFloat reads what is no number in JSON and a double nevertheless.
func (d *decoder) oddFloat(n *node, b []byte, p, at int) int {
	if b[p] == '"' {
		s, end, why := scanString(b, p+1)
		if why != 0 {
			return d.fail(n, end, why)
		}
		f, ok := special(view(s.raw))
		if !ok {
			return d.fail(n, p, wrongType)
		}
		n.setFloat(at, f)
		return end
	}
	if f, end := bareSpecial(b, p); end > p {
		n.setFloat(at, f)
		return end
	}
	return d.other(n, b, p, at)
}

// bareSpecial reads a special double that stands without quotes at p; end is p
// if there is none.
func bareSpecial(b []byte, p int) (f float64, end int) {
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if hasLiteral(b, p, word) {
			f, _ = special(word)
			return f, p + len(word)
		}
	}
	return 0, p
}

// text reads a string, or keeps the JSON text of what is none.
func (d *decoder) text(n *node, b []byte, p, at int) int {
	if b[p] != '"' {
		if hasLiteral(b, p, "null") {
			n.null(at)
			return p + 4
		}
		end := d.skip(b, p)
		if end < 0 {
			d.wrong.node = n
			return end
		}
		n.setText(at, b[p:end])
		return end
	}
	s, end := d.content(b, p)
	if end < 0 {
		d.wrong.node = n
		return end
	}
	n.setText(at, s)
	return end
}

// spelled reads columns whose values are written as strings, or as numbers.
func (d *decoder) spelled(n *node, b []byte, p, at int) int {
	switch c := b[p]; {
	case c == '"':
	case (c == '-' || c-'0' < 10) && (n.kind == kindDecimal || n.unit != 0):
		x, end, ok := scanNumber(b, p)
		if !ok {
			return d.fail(n, end, badSyntax)
		}
		if !n.setNumber(at, &x) {
			return d.fail(n, p, inexact)
		}
		return end
	default:
		return d.other(n, b, p, at)
	}
	s, end := d.content(b, p)
	if end < 0 {
		d.wrong.node = n
		return end
	}
	if !n.setSpelled(at, s) {
		return d.fail(n, p, inexact)
	}
	return end
}
