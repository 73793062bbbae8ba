package how

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
)

// Named are the nodes that the options name, each once, in their order.
func (h How) Named() []string {
	out := slices.Clone(h.participants)
	for _, list := range [][]setting{h.stale, h.poison, h.link} {
		for _, s := range list {
			out = append(out, s.node)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Among checks the options against the nodes that there are: names that no node bears,
// and methods that need more nodes than can take part. Each mistake is told.
func (h How) Among(nodes []string) error {
	var wrong []error
	bad := func(format string, args ...any) {
		wrong = append(wrong, fault.New(fault.Invalid, format, args...))
	}
	there := fmt.Sprintf("there are %s", strings.Join(nodes[:min(len(nodes), mostListed)], ", "))
	if rest := len(nodes) - mostListed; rest > 0 {
		there += fmt.Sprintf(" and %d more", rest)
	}
	for _, o := range []struct {
		key   string
		names []string
	}{{"participants", h.participants}, {"stale", nodesOf(h.stale)}, {"poison", nodesOf(h.poison)}, {"link", nodesOf(h.link)}} {
		for _, name := range o.names {
			if !slices.Contains(nodes, name) {
				bad("the option %s of the job ev names %q, and no node is called so; %s", o.key, name, there)
			}
		}
	}
	n := 0
	for _, name := range nodes {
		if h.Answers(name) {
			n++
		}
	}
	if len(wrong) == 0 {
		if err := h.enough(n); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// mostListed is how many names a message lists.
const mostListed = 8

// enough checks that n nodes can come to a model.
func (h How) enough(n int) error {
	switch least := 2*h.Method.Faulty + 3; {
	case h.Threshold > n:
		return fault.New(fault.Invalid, "the option threshold of the job ev cannot be %d: %d nodes take part", h.Threshold, n)
	case h.Method.By == "krum" && n < least:
		return fault.New(fault.Invalid, "the option method of the job ev cannot be krum:%d: it takes %d nodes at least, and %d take part", h.Method.Faulty, least, n)
	}
	return nil
}

func nodesOf(all []setting) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.node)
	}
	return out
}
