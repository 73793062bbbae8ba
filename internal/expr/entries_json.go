package expr

import (
	"strconv"
	"strings"
)

func jsonEntries() []entry {
	return []entry{
		{doc: funcDoc{"from_json", "from_json(s, schema)",
			"The JSON text s as a value of a type, which is a constant in Spark's DDL: columns, or a type like array<struct<a: bigint>>. Text that is not JSON fails; " +
				"what in it is of another type is null, and counted; fields that the schema lacks are dropped. parse_json(s, schema) too.",
			`from_json('{"a": 1, "b": ["x"]}', 'a bigint, b array<string>').b[0] = 'x'`}, min: 2, max: 2, special: compileFromJSON},
		{doc: funcDoc{"to_json", "to_json(x)", "x as JSON text. Null fields of structs are left out; timestamps are 2026-01-31T12:30:00.000Z, bytes base64." + textLimit,
			`to_json(named_struct('a', 1, 'b', 'x')) = '{"a":1,"b":"x"}'`}, min: 1, max: 1, special: compileToJSON},
		{doc: funcDoc{"get_json_object", "get_json_object(s, path)",
			"What stands at a path like $.a.b[0] or $['a b'], which is constant, in the JSON text s: the text of a string, and other values as JSON. " +
				"Null if there is nothing; text that is not JSON fails.",
			`get_json_object('{"a": [{"b": 7}]}', '$.a[0].b') = '7'`}, min: 2, max: 2, special: compileJSONPath},
		simple("json_array_length", "The number of elements of a JSON array; null for other JSON, and text that is not JSON fails.", "json_array_length('[1, 2]') = 2",
			sig(kInt, jsonLength, kString)),
	}
}

func compileFromJSON(_ *compiler, n *Call, args []typed) (typed, *Error) {
	text, err := coerceAll(args[:1], kString, n.Name)
	if err != nil {
		return typed{}, err
	}
	ddl, ok := constantText(args[1])
	if !ok {
		return typed{}, errorAt(n.Args[1].At(), "the schema of %s must be a constant", n.Name)
	}
	k := kNull
	if dt, err := ParseType(ddl); err == nil {
		k = kindOf(dt)
	} else {
		schema, err := ParseSchema(ddl)
		if err != nil {
			return typed{}, errorAt(n.Args[1].At(), "in the schema: %v", err)
		}
		names, kinds := make([]string, schema.NumFields()), make([]kind, schema.NumFields())
		for i, f := range schema.Fields() {
			names[i], kinds[i] = f.Name, kindOf(f.Type)
		}
		k = structOf(names, kinds)
	}
	if !jsonKeys(k) {
		return typed{}, errorAt(n.Args[1].At(), "the keys of a map in JSON are strings")
	}
	return nestedCall(n, k, fromJSON(k), typed{op: text[0]})
}

func compileToJSON(_ *compiler, n *Call, args []typed) (typed, *Error) {
	if args[0].kind == kNull {
		return typed{op: nullOf(kString), kind: kString}, nil
	}
	return nestedCall(n, kString, toJSON, args...)
}

// jsonStep is one step of a path: a field, or an element of an array.
type jsonStep struct {
	name  string
	index int // -1 for a field
}

func compileJSONPath(_ *compiler, n *Call, args []typed) (typed, *Error) {
	text, err := coerceAll(args[:1], kString, n.Name)
	if err != nil {
		return typed{}, err
	}
	path, ok := constantText(args[1])
	if !ok {
		return typed{}, errorAt(n.Args[1].At(), "the path of %s must be a constant", n.Name)
	}
	steps, ok := jsonPath(path)
	if !ok {
		return typed{}, errorAt(n.Args[1].At(), "%s is not a path like $.a.b[0]", quote(path, '\''))
	}
	return nestedCall(n, kString, jsonAt(steps), typed{op: text[0]})
}

// jsonPath takes a path apart.
func jsonPath(path string) ([]jsonStep, bool) {
	rest, ok := strings.CutPrefix(path, "$")
	var steps []jsonStep
	for rest != "" && ok {
		step := jsonStep{index: -1}
		switch {
		case strings.HasPrefix(rest, "['"):
			step.name, rest, ok = strings.Cut(rest[2:], "']")
		case rest[0] == '[':
			var digits string
			var err error
			digits, rest, ok = strings.Cut(rest[1:], "]")
			step.index, err = strconv.Atoi(digits)
			ok = ok && err == nil && step.index >= 0
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			step.name, rest = rest[1:1+end], rest[1+end:]
			ok = step.name != "" && step.name != "*"
		default:
			ok = false
		}
		steps = append(steps, step)
	}
	return steps, ok
}

// jsonAt follows the steps into each text.
func jsonAt(steps []jsonStep) impl {
	return func(c *call) error {
		a, out, st := c.a[0].texts(), c.x.textOut(c.n, 8*c.n), &jsonState{}
		null, found := c.x.rawBitmap(c.n)
		found.Fill(false)
		c.null = null
		for i := range c.n {
			if c.skip(i) {
				out.add("")
				continue
			}
			raw, ok := jsonValid(a.at(i))
			if !ok {
				c.failAt(i)
			}
			for _, s := range steps {
				raw, ok = s.follow(raw, ok, st)
			}
			if !ok || raw == "null" {
				out.add("")
				continue
			}
			found.Set(i)
			out.add(st.string(raw))
		}
		return out.finish(&c.out)
	}
}

// follow is one step down from a value, if there is one.
func (s jsonStep) follow(raw string, ok bool, st *jsonState) (string, bool) {
	if !ok || raw[0] != '{' && s.index < 0 || raw[0] != '[' && s.index >= 0 {
		return "", false
	}
	at := 0
	for it := jsonOver(raw); it.next(); at++ {
		if s.index >= 0 && at == s.index || s.index < 0 && jsonSame(it.key, s.name, &st.text) {
			return it.value, true
		}
	}
	return "", false
}

func jsonLength(c *call) error {
	c.out = c.x.fixed(kInt, c.n)
	null, isArray := c.x.rawBitmap(c.n)
	isArray.Fill(false)
	c.null = null
	a, dst := c.a[0].texts(), c.out.ints()
	for i := range dst {
		dst[i] = 0
		if c.skip(i) {
			continue
		}
		raw, ok := jsonValid(a.at(i))
		if !ok {
			c.failAt(i)
			continue
		}
		if raw[0] != '[' {
			continue
		}
		isArray.Set(i)
		for it := jsonOver(raw); it.next(); {
			dst[i]++
		}
	}
	return nil
}
