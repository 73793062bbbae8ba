package gossip

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	shown      = 5 * time.Minute // how long people see who has gone
	remembered = time.Hour       // how long one who died is looked for
	goneLimit  = 1024            // those that have gone: how many are kept at most
	nodeLimit  = 1 << 16         // all: whoever comes then is refused
)

// event is what memberlist tells of a node.
type event uint8

const (
	came event = iota
	changed
	went
)

// table is what is known of the nodes. It decides what events mean; it has no clock and
// no network.
type table struct {
	nodes map[string]row
}

type row struct {
	Member
	stance stance
}

func (r row) gone() bool { return r.Condition == Left || r.Condition == Dead }

// see notes what became of a node. It returns whether Members has changed and a line
// for the log, or "". Metadata that cannot be read changes nothing: it was refused.
func (t *table) see(now time.Time, what event, name, addr string, meta []byte) (bool, string) {
	old, known := t.nodes[name]
	if what == went {
		return t.depart(now, old)
	}
	s, err := decode(meta)
	if err != nil {
		return false, ""
	}
	r := row{Member: s.member(name, addr), stance: s.Stance}
	r.Condition, r.Since = presence(s.Stance), now
	if known && r.Condition == old.Condition {
		r.Since = old.Since
	}
	t.nodes[name] = r
	return true, arrival(old, r, known)
}

// presence is the condition of a node that is there.
func presence(s stance) Condition {
	if s == staying {
		return Alive
	}
	return Leaving
}

// arrival is what the log says of a node that is there.
func arrival(old, r row, known bool) string {
	who := fmt.Sprintf("%s (%s)", r.Name, r.Role)
	if r.RPC != "" {
		who = fmt.Sprintf("%s (%s at %s)", r.Name, r.Role, r.RPC)
	}
	switch {
	case !known || old.Condition == Left:
		return who + " has joined"
	case old.Condition == Dead:
		return who + " is back"
	case old.Condition == Alive && r.Condition == Leaving && r.stance == leaving:
		return r.Name + " is leaving: it finishes what it has"
	case old.Role != r.Role:
		return fmt.Sprintf("%s was %s and is %s now", r.Name, old.Role, r.Role)
	}
	return ""
}

// depart notes that a node has gone: it left if it said so, else it died. Observers
// come and go; nobody misses them.
func (t *table) depart(now time.Time, r row) (bool, string) {
	if r.Name == "" || r.gone() {
		return false, ""
	}
	says := r.Name + " is dead: it does not answer"
	r.Condition, r.Since = Dead, now
	if r.stance == goodbye {
		says, r.Condition = r.Name+" has left", Left
	}
	t.nodes[r.Name] = r
	if r.Role == Observer {
		delete(t.nodes, r.Name)
	}
	return true, says
}

// members returns those that people see, sorted by name. The caller owns them.
func (t *table) members(now time.Time) []Member {
	out := make([]Member, 0, len(t.nodes))
	for _, r := range t.nodes {
		if !r.gone() || now.Sub(r.Since) < shown {
			m := r.Member
			m.Plans = slices.Clone(m.Plans)
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// forget drops those that have been gone for long, and the longest gone where they are
// too many. It returns whether Members has changed since before.
func (t *table) forget(before, now time.Time) bool {
	var gone []row
	fewer := false
	for name, r := range t.nodes {
		if !r.gone() {
			continue
		}
		fewer = fewer || before.Sub(r.Since) < shown && now.Sub(r.Since) >= shown
		if now.Sub(r.Since) >= remembered {
			delete(t.nodes, name)
			continue
		}
		gone = append(gone, r)
	}
	if len(gone) <= goneLimit {
		return fewer
	}
	slices.SortFunc(gone, func(a, b row) int { return b.Since.Compare(a.Since) })
	for _, r := range gone[goneLimit:] {
		fewer = fewer || now.Sub(r.Since) < shown
		delete(t.nodes, r.Name)
	}
	return fewer
}

// present returns the gossip addresses of those that are there, without self.
func (t *table) present(self string) map[string]bool {
	out := map[string]bool{}
	for name, r := range t.nodes {
		if name != self && !r.gone() {
			out[r.Gossip] = true
		}
	}
	return out
}

// dead returns the gossip addresses of those that died, sorted: one of them may only
// have been cut off.
func (t *table) dead() []string {
	var out []string
	for _, r := range t.nodes {
		if r.Condition == Dead {
			out = append(out, r.Gossip)
		}
	}
	slices.Sort(out)
	return out
}
