package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// digest is a short name for content: 64 bits of SHA-256, length-prefixed so
// that no two lists run into one another.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// opDigest is the digest of an operation: its kind and parameters, with
// expressions in their canonical spelling and labels by name, and the digests
// of what it stands on. Positions and dataset names do not enter.
func (b *builder) opDigest(n *node) string {
	if _, cache := n.op.(rdd.Cache); cache {
		return b.nodes[n.Parents[0]].Digest // it changes nothing: a job with it is the same job
	}
	parts := []string{n.op.Kind(), digest(b.parameters(n)...)}
	for _, p := range n.Parents {
		parts = append(parts, b.nodes[p].Digest)
	}
	return digest(parts...)
}

// parameters spells what decides the rows of an operation: the labels it is for, and
// its own parameters.
func (b *builder) parameters(n *node) []string {
	return append([]string{"acts", b.names(n.acts)}, b.ownParameters(n)...)
}

// ownParameters spells, once, what an operation does to the rows that it is for: names,
// each with a value, and the lists that some add.
func (a *analysis) ownParameters(n *node) []string {
	if n.spelled == nil {
		n.spelled = slices.Clip(a.spell(n))
	}
	return n.spelled
}

func (a *analysis) spell(n *node) []string {
	var s []string
	add := func(name, value string) { s = append(s, name, value) }
	set := func(mark string, pairs []rdd.Assign) {
		for _, p := range pairs {
			add(mark+p.Column, canonical(n.exprs[mark+p.Column]))
		}
	}
	switch op := n.op.(type) {
	case rdd.Read:
		add("read", op.Connector)
		add("options", options(op.Options))
		if op.Trust != "" {
			add("trust", op.Trust)
		}
		add("schema", op.Schema.Fingerprint())
		for _, f := range op.Schema.Fields() {
			add("field", f.Name+" "+f.Type.String())
		}
	case rdd.Tag:
		s = append(s, a.tagParameters(n, op)...)
	case rdd.Map:
		set("set.", op.Set)
		add("drop", list(op.Drop))
	case rdd.Filter:
		add("where", canonical(n.exprs["where"]))
	case rdd.FlatMap:
		for i, row := range op.Rows {
			set(rowMark(i, ""), row)
		}
		if op.Explode != "" {
			add("explode", canonical(n.exprs["explode"]))
			add("as", list(op.As))
			add("position", op.Position)
			add("outer", fmt.Sprint(op.Outer))
		}
	case rdd.Apply:
		s = append(s, applyParameters(op, n.fn)...)
	case rdd.Broadcast:
		s = append(s, broadcastParameters(op)...)
	case rdd.Window:
		add("time", op.Time)
		add("size", op.Size.String())
		if op.Slide != 0 {
			add("slide", op.Slide.String())
		}
		if op.Gap != 0 {
			add("gap", op.Gap.String())
		}
	case rdd.Shuffle:
		add("keys", list(op.Keys))
	case rdd.Reduce:
		add("as", a.names(op.As))
		add("by", list(op.By))
		set("get.", op.Get)
		s = append(s, n.ownAggregates(op)...)
	case rdd.Join:
		s = append(s, a.joinParameters(n, op)...)
	case rdd.Distinct, rdd.Sort, rdd.Limit, rdd.Sample:
		s = append(s, a.rankParameters(n)...)
	case rdd.Union, rdd.Cache:
	case rdd.Write:
		add("write", op.Connector)
		add("options", options(op.Options))
		add("columns", list(op.Columns))
	}
	return s
}

func (a *analysis) tagParameters(n *node, op rdd.Tag) []string {
	s := []string{"column=" + op.Column, "hash=" + op.HashColumn, "seq=" + op.SeqColumn,
		"exclusive=" + fmt.Sprint(op.Exclusive), "otherwise=" + a.names(op.Otherwise),
		"identity=" + list(op.Identity), "time=" + canonical(n.exprs["time"])}
	for _, v := range slices.Sorted(maps.Keys(op.Values)) {
		s = append(s, fmt.Sprintf("value=%q %s", v, a.names(op.Values[v])))
	}
	for i, r := range op.Rules {
		s = append(s, "rule="+a.names(r.Label)+" "+canonical(n.exprs[ruleMark(i)]))
	}
	return s
}

// list spells names so that no two lists look alike.
func list(names []string) string { return fmt.Sprintf("%q", names) }

func canonical(e expr.Node) string {
	if e == nil {
		return ""
	}
	return e.String()
}

// options spells a connector's options, those of a Go program as those of a job file
// that says the same; json sorts the keys of a map.
func options(o rdd.Options) string {
	plain := make(rdd.Options, len(o))
	for k, v := range o {
		switch v := v.(type) {
		case time.Duration:
			plain[k] = v.String()
		case []any:
			texts := make([]string, len(v))
			for i := range v {
				texts[i] = fmt.Sprint(v[i])
			}
			plain[k] = texts
		case map[string]any:
			texts := make(map[string]string, len(v))
			for name := range v {
				texts[name] = fmt.Sprint(v[name])
			}
			plain[k] = texts
		default:
			plain[k] = v
		}
	}
	out, err := json.Marshal(plain)
	if err != nil {
		return fmt.Sprint(plain)
	}
	return string(out)
}

// JobDigest is the digest of the job alone, equal for every plan of it: what
// its sinks are made of, its labels and its settings.
func (p *Plan) JobDigest() string {
	s := p.Job.Settings
	parts := []string{list(p.Job.Labels), s.Lateness.String(), fmt.Sprint(s.KeyGroups)}
	if len(p.Results) > 0 {
		parts = append(parts, fmt.Sprint(s.InFlight)) // decides which of its own results a batch sees
	}
	for _, w := range p.Writes {
		parts = append(parts, p.Ops[w].Digest)
	}
	return digest(parts...)
}
