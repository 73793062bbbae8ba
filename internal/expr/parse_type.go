package expr

import (
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/fault"
)

// maxDigits is the precision of the widest decimal.
const maxDigits = 38

// ParseType reads a type as Spark writes it, such as bigint, decimal(10,2),
// array<string>, map<string, double> or struct<vdd: double, seen: array<date>>.
// The result is the physical type of the engine: integers of any width are
// int64, floats float64, strings of any kind utf8, timestamps microseconds in
// UTC. All fields may be null, whatever NOT NULL says; a COMMENT is read over.
// Its error is a fault.Invalid around an *Error.
func ParseType(src string) (arrow.DataType, error) {
	p, err := typeParser(src)
	if err == nil {
		dt := p.typeName()
		p.end("the end")
		if err = p.err; err == nil {
			return dt, nil
		}
	}
	return nil, fault.Wrap(fault.Invalid, err)
}

// ParseSchema reads the columns of a table as Spark's CREATE TABLE lists them,
// such as "a bigint, b decimal(10,2), `c d` array<string>"; a name may also be
// followed by a colon, and the whole be struct<...>. Types are those of
// [ParseType]. Its error is a fault.Invalid around an *Error.
func ParseSchema(src string) (*arrow.Schema, error) {
	p, err := typeParser(src)
	if err == nil {
		fields := p.columns()
		if err = p.err; err == nil {
			return arrow.NewSchema(fields, nil), nil
		}
	}
	return nil, fault.Wrap(fault.Invalid, err)
}

func typeParser(src string) (*parser, *Error) {
	start := Pos{Line: 1, Column: 1}
	if len(src) > maxSource {
		return nil, errorAt(start, "type of %d bytes is too long (at most %d)", len(src), maxSource)
	}
	if !utf8.ValidString(src) {
		return nil, errorAt(start, "type is not valid UTF-8")
	}
	p := &parser{lex: lexer{src: src, pos: start}}
	p.advance()
	return p, nil
}

// end fails unless all of the source was read.
func (p *parser) end(want string) {
	if p.tok.kind != tokEnd {
		p.unexpected(want)
	}
}

// columns parses a list of columns, or a struct of them, up to the end.
func (p *parser) columns() []arrow.Field {
	ahead := *p
	ahead.advance()
	if p.isWord("struct") && ahead.tok.kind == tokSymbol && ahead.tok.text[0] == '<' {
		dt := p.typeName()
		p.end("the end")
		s, ok := dt.(*arrow.StructType)
		if !ok {
			return nil
		}
		return s.Fields()
	}
	fields := p.fields()
	p.end(`"," or the end`)
	return fields
}

// fields parses one or more fields of a struct or columns of a table.
func (p *parser) fields() []arrow.Field {
	var fields []arrow.Field
	for p.err == nil {
		at := p.tok.pos
		f := p.field()
		for _, g := range fields {
			if g.Name == f.Name {
				p.fail(at, "there are two fields of the name %s", quote(f.Name, '"'))
			}
		}
		fields = append(fields, f)
		if !p.accept(",") {
			break
		}
	}
	return fields
}

// field parses name [:] type [NOT NULL] [COMMENT 'text'].
func (p *parser) field() arrow.Field {
	name := p.tok
	if name.kind != tokName && name.kind != tokQuoted {
		p.unexpected("a name")
		return arrow.Field{}
	}
	p.advance()
	p.accept(":")
	f := arrow.Field{Name: name.text, Type: p.typeName(), Nullable: true}
	if p.accept("not") {
		p.expect("null")
	}
	if p.accept("comment") {
		if p.tok.kind != tokString {
			p.unexpected("a string")
		}
		p.advance()
	}
	return f
}

// typeName parses a type. Names are those of Spark, of the SQL standard and of
// Arrow.
func (p *parser) typeName() arrow.DataType {
	defer p.leave()
	if !p.enter() {
		return arrow.Null
	}
	t := p.tok
	if t.kind != tokName {
		p.unexpected("a type")
		return arrow.Null
	}
	if p.nodes++; p.nodes > maxNodes {
		p.fail(t.pos, "type is too large (at most %d parts)", maxNodes)
		return arrow.Null
	}
	p.advance()
	switch t.word {
	case "decimal", "numeric", "dec":
		return p.decimal()
	case "char", "character", "varchar":
		if p.accept("(") {
			p.size("a length")
			p.expect(")")
		}
		return arrow.BinaryTypes.String
	case "interval":
		if p.accept("day") {
			p.expect("to")
			p.expect("second")
		}
		return arrow.FixedWidthTypes.Duration_us
	case "array":
		p.expect("<")
		dt := arrow.ListOf(p.typeName())
		p.closeAngle()
		return dt
	case "map":
		return p.mapType()
	case "struct":
		return p.structType()
	}
	dt := typeNamed(t.word)
	if dt == nil {
		p.fail(t.pos, "unknown type %s; there are boolean, bigint, double, decimal(p,s), string, binary, timestamp, date, "+
			"interval, array<t>, map<k, v> and struct<name: t>", t)
		return arrow.Null
	}
	return dt
}

// typeNamed is the type of a lower-case name without parameters, nil if there
// is none.
func typeNamed(word string) arrow.DataType {
	switch word {
	case "boolean", "bool":
		return arrow.FixedWidthTypes.Boolean
	case "bigint", "int", "integer", "long", "int64", "smallint", "short", "tinyint", "byte":
		return arrow.PrimitiveTypes.Int64
	case "double", "float", "real", "float64":
		return arrow.PrimitiveTypes.Float64
	case "string", "text", "utf8":
		return arrow.BinaryTypes.String
	case "binary", "bytes":
		return arrow.BinaryTypes.Binary
	case "timestamp", "timestamp_ltz", "timestamp_ntz":
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case "date", "date32":
		return arrow.FixedWidthTypes.Date32
	case "duration":
		return arrow.FixedWidthTypes.Duration_us
	}
	return nil
}

// decimal parses [(precision [, scale])], (10, 0) if it is not there.
func (p *parser) decimal() arrow.DataType {
	at, precision, scale := p.tok.pos, 10, 0
	if p.accept("(") {
		precision = p.size("a precision")
		if p.accept(",") {
			scale = p.size("a scale")
		}
		p.expect(")")
	}
	if precision < 1 || precision > maxDigits || scale > precision {
		p.fail(at, "decimal(%d,%d) has to have a precision from 1 to %d and a scale up to it", precision, scale, maxDigits)
		return arrow.Null
	}
	return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(scale)}
}

// size parses a whole number.
func (p *parser) size(want string) int {
	n, err := strconv.Atoi(p.tok.text)
	if p.tok.kind != tokNumber || err != nil {
		p.unexpected(want)
		return 0
	}
	p.advance()
	return n
}

func (p *parser) mapType() arrow.DataType {
	p.expect("<")
	at := p.tok.pos
	key := p.typeName()
	if key.ID() == arrow.MAP {
		p.fail(at, "the keys of a map cannot be maps")
	}
	p.expect(",")
	dt := arrow.MapOf(key, p.typeName())
	p.closeAngle()
	return dt
}

func (p *parser) structType() arrow.DataType {
	if p.accept("<>") {
		return arrow.StructOf()
	}
	p.expect("<")
	fields := p.fields()
	p.closeAngle()
	if p.err != nil {
		return arrow.Null
	}
	return arrow.StructOf(fields...)
}

// closeAngle takes the > that ends a type, which may be the start of a longer
// symbol.
func (p *parser) closeAngle() {
	if p.tok.kind == tokSymbol && len(p.tok.text) > 1 && p.tok.text[0] == '>' {
		p.tok.text = p.tok.text[1:]
		p.tok.pos.Offset++
		p.tok.pos.Column++
		return
	}
	p.expect(">")
}

// typeText writes a type so that ParseType reads it.
func typeText(dt arrow.DataType) string {
	if k := kindOf(dt); k != kNull {
		return k.String()
	}
	return dt.String()
}
