package service

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire/submission"
)

// Nodes implements wire.Driver.
func (s *Service) Nodes(context.Context) ([]byte, error) {
	return nodesJSON(s.cfg.Members(), func(m gossip.Member) string {
		if s.cfg.Roster == nil {
			return ""
		}
		return s.cfg.Roster.Doubts(m)
	})
}

func nodesJSON(members []gossip.Member, doubts func(gossip.Member) string) ([]byte, error) {
	out := make([]submission.Node, 0, len(members))
	for _, m := range members {
		n := submission.Node{Member: m}
		if works(m) {
			n.Unusable = doubts(m)
		}
		out = append(out, n)
	}
	text, err := json.Marshal(out)
	return text, fault.Wrap(fault.Bug, err)
}

// works reports whether a member is an executor that is there.
func works(m gossip.Member) bool {
	return m.Role == gossip.Executor && (m.Condition == gossip.Alive || m.Condition == gossip.Leaving)
}

// usable is the members without the executors that no job can use.
func (s *Service) usable() []gossip.Member {
	if s.cfg.Roster == nil {
		return s.cfg.Members()
	}
	return slices.DeleteFunc(slices.Clone(s.cfg.Members()), func(m gossip.Member) bool { return works(m) && s.cfg.Roster.Out(m) != "" })
}

// lacks says what a job without a share of the executors waits for.
func (s *Service) lacks() string {
	alive := 0
	var out []string
	for _, m := range s.cfg.Members() {
		if !works(m) || m.Condition != gossip.Alive || m.Slots <= 0 {
			continue
		}
		alive++
		if s.cfg.Roster == nil {
			continue
		}
		if why := s.cfg.Roster.Out(m); why != "" {
			out = append(out, m.Name+": "+why)
		}
	}
	switch {
	case alive == 0:
		return "for executors: there are none"
	case len(out) == alive:
		return fmt.Sprintf("for executors: %d alive, none usable: %s", alive, strings.Join(out, "; "))
	case len(out) > 0:
		return fmt.Sprintf("for a slot: other jobs have all; %d of %d executors cannot be used: %s", len(out), alive, strings.Join(out, "; "))
	}
	return "for a slot: other jobs have all"
}
