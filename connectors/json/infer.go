package json

import (
	"bytes"
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
)

const (
	sampleRows = 10_000
	leastRows  = 500 // of each head
	// inferDepth is how deep inferred types nest; what is deeper is text.
	inferDepth = 32
	// mapFields is how many fields an object has that are taken for keys of a
	// map, if their values agree.
	mapFields = 200
)

// Infer implements files.Format.
func (f *format) Infer(ctx context.Context, heads []files.Head) (*arrow.Schema, error) {
	if f.opts.schema != nil {
		return f.opts.schema, nil
	}
	s := sampler{opts: f.opts}
	per := max(leastRows, sampleRows/max(1, len(heads)))
	for _, h := range heads {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.head(h, per)
	}
	if s.rows == 0 {
		return nil, s.nothing(heads)
	}
	return s.schema()
}

// sampler guesses the schema of rows.
type sampler struct {
	opts  *settings
	dec   decoder
	root  guess
	rows  int
	wrong string // what is wrong with the first line that is no row
}

func (s *sampler) head(h files.Head, rows int) {
	data := bytes.TrimPrefix(h.Data, []byte(byteOrder))
	bom := len(h.Data) - len(data)
	for n := 1; len(data) > 0 && rows > 0; n++ {
		text, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		b := append(append(make([]byte, 0, len(text)+1+slack), text...), '\n')
		if blank(b) {
			continue
		}
		rows--
		s.dec.depth = 0
		p := space(b, 0)
		end := -1
		if b[p] != '{' {
			s.dec.wrong = complaint{flaw: wrongType, node: &node{}, at: p}
		} else if end = s.dec.skip(b, p); end >= 0 && space(b, end) != len(b)-1 {
			s.dec.wrong = complaint{flaw: trailing, at: end}
			end = -1
		}
		if end < 0 {
			if s.wrong == "" {
				if n > 1 {
					bom = 0
				}
				s.wrong = fmt.Sprintf("%s:%d:%d: %s", h.Path, n, s.dec.wrong.at+bom+1, s.dec.wrong.what(b))
			}
			continue
		}
		s.rows++
		s.value(&s.root, b, p, 0)
	}
}

// nothing says why there is no schema.
func (s *sampler) nothing(heads []files.Head) error {
	if s.wrong != "" {
		return fault.New(fault.Invalid, "%s: no line is a JSON object of its own", s.wrong)
	}
	if len(heads) > 0 {
		return fault.New(fault.Invalid, "%s: no row to tell the columns from: give them in option schema", heads[0].Path)
	}
	return fault.New(fault.Invalid, "json: no row to tell the columns from: give them in option schema")
}

func (s *sampler) schema() (*arrow.Schema, error) {
	var fields []arrow.Field
	for _, g := range s.root.list {
		dt := g.typ(1)
		if s.opts.epoch[g.name] != 0 && dt.ID() != arrow.DATE32 {
			dt = arrow.FixedWidthTypes.Timestamp_us
		}
		fields = append(fields, arrow.Field{Name: g.name, Type: dt, Nullable: true})
	}
	if len(fields) == 0 {
		return nil, fault.New(fault.Invalid, "json: the rows are empty objects: give the columns in option schema")
	}
	return arrow.NewSchema(fields, nil), nil
}

// seen is what kinds of values there were.
type seen uint16

const (
	sawBool seen = 1 << iota
	sawInt
	sawFloat
	sawSpecial // the string NaN or the like: a double beside numbers
	sawText
	sawDate
	sawTime
	sawObject
	sawArray
)

// guess is what is known of the values in one place.
type guess struct {
	name   string
	seen   seen
	list   []*guess // fields of objects, in order of first appearance
	byName map[string]*guess
	elem   *guess // of arrays
}

func (g *guess) field(name string) *guess {
	if f := g.byName[name]; f != nil {
		return f
	}
	if g.byName == nil {
		g.byName = map[string]*guess{}
	}
	f := &guess{name: name}
	g.byName[name] = f
	g.list = append(g.list, f)
	return f
}

// value notes the value at p, which is known to be JSON, and returns the place
// behind it.
func (s *sampler) value(g *guess, b []byte, p, depth int) int {
	switch c := b[p]; {
	case depth > inferDepth:
		g.seen |= sawText
		s.dec.depth = 0
		return s.dec.skip(b, p)
	case c == '{':
		g.seen |= sawObject
		return s.object(g, b, p, depth)
	case c == '[':
		g.seen |= sawArray
		return s.array(g, b, p, depth)
	case c == '"':
		content, end := s.dec.content(b, p)
		g.seen |= s.text(content)
		return end
	case c == 't':
		g.seen |= sawBool
		return p + 4
	case c == 'f':
		g.seen |= sawBool
		return p + 5
	case c == 'n':
		return p + 4
	}
	if _, end := bareSpecial(b, p); end > p {
		g.seen |= sawFloat
		return end
	}
	x, end, _ := scanNumber(b, p)
	if _, fits := x.int64(); x.whole && fits {
		g.seen |= sawInt
	} else {
		g.seen |= sawFloat
	}
	return end
}

func (s *sampler) text(content []byte) seen {
	if _, ok := special(view(content)); ok {
		return sawSpecial
	}
	if len(content) >= 8 && len(content) < 64 {
		if _, ok := s.opts.clock.date(content); ok {
			return sawDate
		}
		if _, ok := s.opts.clock.timestamp(content); ok {
			return sawTime
		}
	}
	return sawText
}

func (s *sampler) object(g *guess, b []byte, p, depth int) int {
	for {
		if p = space(b, p+1); b[p] == '}' {
			return p + 1
		}
		name, end := s.dec.content(b, p)
		f := g.byName[string(name)]
		if f == nil {
			f = g.field(string(name))
		}
		p = s.value(f, b, space(b, space(b, end)+1), depth+1)
		if p = space(b, p); b[p] == '}' {
			return p + 1
		}
	}
}

func (s *sampler) array(g *guess, b []byte, p, depth int) int {
	if g.elem == nil {
		g.elem = &guess{}
	}
	for {
		if p = space(b, p+1); b[p] == ']' {
			return p + 1
		}
		p = s.value(g.elem, b, p, depth+1)
		if p = space(b, p); b[p] == ']' {
			return p + 1
		}
	}
}

// typ returns the type that holds all values seen.
func (g *guess) typ(depth int) arrow.DataType {
	saw := g.seen
	if saw&sawSpecial != 0 {
		if saw &^= sawSpecial; saw&(sawInt|sawFloat) != 0 {
			saw |= sawFloat
		} else {
			saw |= sawText
		}
	}
	switch saw {
	case sawBool:
		return arrow.FixedWidthTypes.Boolean
	case sawInt:
		return arrow.PrimitiveTypes.Int64
	case sawFloat, sawInt | sawFloat:
		return arrow.PrimitiveTypes.Float64
	case sawDate:
		return arrow.FixedWidthTypes.Date32
	case sawTime, sawTime | sawDate:
		return arrow.FixedWidthTypes.Timestamp_us
	case sawArray:
		return arrow.ListOf(g.elem.typ(depth + 1))
	case sawObject:
		return g.object(depth)
	default:
		return arrow.BinaryTypes.String
	}
}

func (g *guess) object(depth int) arrow.DataType {
	if len(g.list) == 0 {
		return arrow.BinaryTypes.String
	}
	var fields []arrow.Field
	all := &guess{}
	for _, f := range g.list {
		fields = append(fields, arrow.Field{Name: f.name, Type: f.typ(depth + 1), Nullable: true})
		all.merge(f)
	}
	if len(fields) > mapFields {
		dt := all.typ(depth + 1)
		if dt.ID() != arrow.STRING || all.seen&^(sawText|sawDate|sawTime|sawSpecial) == 0 {
			return arrow.MapOf(arrow.BinaryTypes.String, dt)
		}
	}
	return arrow.StructOf(fields...)
}

// merge adds to g what was seen of o.
func (g *guess) merge(o *guess) {
	g.seen |= o.seen
	for _, f := range o.list {
		g.field(f.name).merge(f)
	}
	if o.elem != nil {
		if g.elem == nil {
			g.elem = &guess{}
		}
		g.elem.merge(o.elem)
	}
}
