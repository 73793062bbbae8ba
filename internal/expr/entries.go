package expr

import (
	"slices"
	"strings"
)

// funcDoc describes one function or operator for the manual.
type funcDoc struct {
	Name      string // as in Call.Name
	Signature string
	Doc       string
	Example   string // an expression that is TRUE
}

// functions lists all functions and operators by name.
func functions() []funcDoc {
	var docs []funcDoc
	for _, e := range entriesByName() {
		if e.doc.Signature == "" {
			e.doc.Signature = e.signatures()
		}
		docs = append(docs, e.doc)
	}
	slices.SortFunc(docs, func(a, b funcDoc) int { return strings.Compare(a.Name, b.Name) })
	return docs
}

// entry is one function: either overloads, which give null for null and are
// chosen by the types of the arguments, or a special form.
type entry struct {
	doc       funcDoc
	overloads []overload
	special   func(c *compiler, n *Call, args []typed) (typed, *Error)
	min, max  int // arguments of a special form; max -1 is any number
}

// overload is one body of a function. With rest the last parameter repeats.
type overload struct {
	params []kind
	rest   bool
	result kind
	run    impl
}

func sig(result kind, run impl, params ...kind) overload {
	return overload{params: params, result: result, run: run}
}

func (o overload) param(i int) kind { return o.params[min(i, len(o.params)-1)] }

// cost is how much conversion the arguments need to fit.
func (o overload) cost(args []typed) (int, bool) {
	if len(args) != len(o.params) && (!o.rest || len(args) < len(o.params)) {
		return 0, false
	}
	sum := 0
	for i, a := range args {
		c, ok := coerceCost(a, o.param(i))
		if !ok {
			return 0, false
		}
		sum += c
	}
	return sum, true
}

func (o overload) String() string {
	names := make([]string, len(o.params))
	for i, p := range o.params {
		names[i] = p.String()
	}
	if o.rest {
		names = append(names, "...")
	}
	return "(" + strings.Join(names, ", ") + ")"
}

func (e entry) signatures() string {
	texts := make([]string, len(e.overloads))
	for i, o := range e.overloads {
		texts[i] = o.String()
	}
	switch e.doc.Name {
	case "+", "-", "*", "/", "%", "div":
		texts = append(texts, "(decimal, decimal)")
	case "neg", "abs", "ceil", "floor", "round", "bround":
		texts = append(texts, "(decimal)")
	}
	return strings.Join(texts, ", ")
}

// library is the function library in parts, the most used first. A part is
// made when somebody looks into it: a check needs few of them.
func library() []func() []entry {
	return []func() []entry{
		operatorEntries, conditionEntries, mathEntries, roundingEntries,
		textEntries, textMakerEntries, timeEntries, calendarEntries, nestedEntries, jsonEntries,
		encodingEntries, wordEntries, regexpEntries, trigEntries, integerEntries, choiceEntries,
		dateEntries, patternEntries, arrayEntries,
	}
}

// entryOf finds a function by name.
func entryOf(name string) (entry, bool) {
	if e, ok := operator(name); ok {
		return e, true
	}
	for _, part := range library()[1:] {
		list := part()
		if i := slices.IndexFunc(list, func(e entry) bool { return e.doc.Name == name }); i >= 0 {
			return list[i], true
		}
	}
	return entry{}, false
}

// entriesByName is the whole function library.
func entriesByName() map[string]entry {
	all := make(map[string]entry, 128)
	for _, part := range library() {
		for _, e := range part() {
			all[e.doc.Name] = e
		}
	}
	return all
}

func simple(name, doc, example string, overloads ...overload) entry {
	return entry{doc: funcDoc{Name: name, Doc: doc, Example: example}, overloads: overloads}
}
