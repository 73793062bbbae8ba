// Package jobfile reads and writes job files, the YAML spelling of an
// [rdd.Job]. docs/jobfile.md is the reference for their authors.
//
//	job, err := jobfile.Parse("meter.yaml", src, map[string]string{"window": "1 hour"}, kinds)
//
// Parse reports every mistake it can find, each an [*rdd.Error] at file, line
// and column that says what was expected; names that nobody knows come with
// the nearest that somebody does. What needs the schemas of the sources is
// left to the planner, for which every dataset bears the places of its parts
// ([rdd.Marks]).
//
// [Format] is the way back: a job file that parses to an equal job. Tests print
// their counterexamples with it.
//
// The package holds no state and no Arrow memory.
package jobfile

import (
	"cmp"
	"errors"
	"slices"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Parse reads a job file. The name file is for positions. The vars replace the
// defaults of the file's variables; kinds are the connectors it may name. The
// error is [fault.Invalid] and joins one [*rdd.Error] for each mistake, in the
// order of the file.
func Parse(file string, src []byte, vars map[string]string, kinds connectors.Registry) (*rdd.Job, error) {
	p := &parser{file: file, kinds: kinds, spoilt: map[rdd.Pos]bool{}}
	root := p.tree(src)
	if root == nil {
		return nil, p.failure()
	}
	p.vars = p.variables(root, vars)
	for _, q := range root.pairs {
		if q.key != "vars" {
			p.expandRoot(q.key, q.value)
		}
	}
	job := p.job(root)
	if err := p.failure(); err != nil {
		return nil, err
	}
	return job, nil
}

// Variables returns the variables of a job file with their defaults, by name.
// A variable without a default, which must be set, has the value "".
func Variables(file string, src []byte) (map[string]string, error) {
	p := &parser{file: file}
	out := map[string]string{}
	if root := p.tree(src); root != nil {
		for name, v := range p.variables(root, nil) {
			out[name] = v.text
		}
	}
	return out, p.failure()
}

// parser is the state of one Parse.
type parser struct {
	file  string
	kinds connectors.Registry
	errs  []*rdd.Error

	vars     map[string]variable
	spoilt   map[rdd.Pos]bool // texts with a bad reference: nothing more is said of them
	labels   []string
	datasets map[string]*dataset
}

func (p *parser) failure() error {
	if p.errs == nil {
		return nil
	}
	slices.SortStableFunc(p.errs, func(a, b *rdd.Error) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	list := make([]error, 0, len(p.errs))
	for i, e := range p.errs {
		if i == 0 || *e != *p.errs[i-1] {
			list = append(list, e)
		}
	}
	return fault.Wrap(fault.Invalid, errors.Join(list...))
}
