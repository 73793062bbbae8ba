package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
	parts := []string{n.op.Kind(), b.parameters(n)}
	for _, p := range n.Parents {
		parts = append(parts, b.nodes[p].Digest)
	}
	return digest(parts...)
}

// parameters spells what decides the rows of an operation.
func (b *builder) parameters(n *node) string {
	var s []string
	add := func(name, value string) { s = append(s, name+"="+value) }
	set := func(mark string, list []rdd.Assign) {
		for _, a := range list {
			add(mark+a.Column, canonical(n.exprs[mark+a.Column]))
		}
	}
	add("acts", b.names(n.acts))
	switch op := n.op.(type) {
	case rdd.Read:
		add("read", op.Connector+" "+options(op.Options))
		add("schema", op.Schema.Fingerprint())
		for _, f := range op.Schema.Fields() {
			add("field", f.Name+" "+f.Type.String())
		}
	case rdd.Tag:
		s = append(s, b.tagParameters(n, op)...)
	case rdd.Map:
		set("set.", op.Set)
		add("drop", strings.Join(op.Drop, ","))
	case rdd.Filter:
		add("where", canonical(n.exprs["where"]))
	case rdd.FlatMap:
		for i, row := range op.Rows {
			set(rowMark(i, ""), row)
		}
	case rdd.Window:
		add("time", op.Time)
		add("size", op.Size.String())
	case rdd.Shuffle:
		add("keys", strings.Join(op.Keys, ","))
	case rdd.Reduce:
		add("as", b.names(op.As))
		add("by", strings.Join(op.By, ","))
		set("get.", op.Get)
	case rdd.Union:
	case rdd.Write:
		add("write", op.Connector+" "+options(op.Options))
		add("columns", strings.Join(op.Columns, ","))
	}
	return strings.Join(s, "\x00")
}

func (b *builder) tagParameters(n *node, op rdd.Tag) []string {
	s := []string{"column=" + op.Column, "hash=" + op.HashColumn, "seq=" + op.SeqColumn,
		"exclusive=" + fmt.Sprint(op.Exclusive), "otherwise=" + b.names(op.Otherwise),
		"identity=" + strings.Join(op.Identity, ","), "time=" + canonical(n.exprs["time"])}
	for v, l := range op.Values {
		s = append(s, "value="+v+" "+b.names(l))
	}
	slices.Sort(s[7:])
	for i, r := range op.Rules {
		s = append(s, "rule="+b.names(r.Label)+" "+canonical(n.exprs[ruleMark(i)]))
	}
	return s
}

func canonical(e expr.Node) string {
	if e == nil {
		return ""
	}
	return e.String()
}

// options spells a connector's options; json sorts the keys of a map.
func options(o rdd.Options) string {
	out, err := json.Marshal(o)
	if err != nil {
		return fmt.Sprint(o)
	}
	return string(out)
}

// JobDigest is the digest of the job alone, equal for every plan of it: what
// its sinks are made of, its labels and its settings.
func (p *Plan) JobDigest() string {
	s := p.Job.Settings
	parts := []string{strings.Join(p.Job.Labels, ","), s.Lateness.String(), fmt.Sprint(s.KeyGroups)}
	for _, w := range p.Writes {
		parts = append(parts, p.Ops[w].Digest)
	}
	return digest(parts...)
}
