// Package floorplan holds the tree to its floor plan and its budget. Nothing
// imports it; its tests read the source of the whole module, so that a
// forbidden import, an overlong function or an undocumented package fails
// `go test` like any other bug.
//
// The plan is [Plan], a table of rooms: one line a room, the highest floor
// first. A room is a folder, and
//
//	a/...   is the folder a and everything below it, as one room,
//	a/*     makes a room of each folder in a, with everything below it,
//	.       is the root package.
//
// Behind the bar stand the rooms that a room may import; "below" means every
// room on a lower floor. Every room may import internal/fault and itself,
// anything not listed is forbidden, and the table itself may only point down.
// Test files may import whatever stands on the floors up to TestFloor.
package floorplan

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the module path that the rooms are folders of.
const Module = "github.com/idag/idag"

// TestFloor is the highest floor that test files of any room may import.
const TestFloor = 6

// Plan is the floor plan. A tilde marks a room of test support, which only test
// files may import. ARCHITECTURE.md shows the same table; a test compares them.
const Plan = `
9  cmd/idag             | .
8  .                    | internal/cli internal/engine/... jobs/* connectors connectors/* rdd rdd/fn
7  internal/cli         | below
6  internal/engine/...  | below
6  internal/bench/...   | below
6  internal/letters     | below
5  internal/web         | driver/... planner/... rdd internal/metrics
5  internal/report      | driver/... planner/... rdd internal/metrics
5  internal/ledger      | driver/... rdd internal/store
5  internal/wire/...    | planner/... rdd internal/codec internal/metrics internal/gossip
4  driver/...           | planner/... connectors rdd internal/eventtime internal/metrics internal/learn/...
4  executor/...         | planner/... connectors rdd rdd/fn internal/eventtime internal/metrics internal/expr internal/kernel/... internal/sketch internal/codec internal/store
3  planner/...          | rdd rdd/fn internal/expr internal/kernel/...
3  connectors/*         | connectors rdd internal/expr internal/kernel/... internal/codec internal/files internal/store
3  jobs/*               | rdd rdd/fn internal/kernel/... internal/sketch internal/learn/...
3  internal/jobfile     | connectors rdd rdd/fn internal/expr internal/kernel/...
3  internal/twin ~      | rdd rdd/fn internal/expr
2  connectors           | rdd
2  internal/files       | rdd internal/kernel/... internal/store
2  internal/codec       | rdd
2  internal/eventtime   | rdd
1  rdd                  | rdd/fn internal/expr
0  internal/expr        | internal/kernel/...
0  internal/kernel/...  | rdd/fn internal/sketch
0  rdd/fn               |
0  internal/sketch      |
0  internal/learn/...   |
0  internal/gossip      |
0  internal/store       |
0  internal/metrics     |
0  internal/script ~    |
0  internal/floorplan ~ |
0  internal/mutants ~   |
0  internal/fault       |
`

// fault is the room that all rooms may import.
const fault = "internal/fault"

// room is one line of the plan.
type room struct {
	floor   int
	pattern string
	support bool     // for test files only
	may     []string // patterns
	below   bool
	order   int // line in the table
}

// rooms reads a plan. A line that cannot be read, or that points up or sideways,
// is an error.
func rooms(plan string) ([]room, error) {
	var out []room
	for line := range strings.Lines(strings.TrimSpace(plan)) {
		head, may, ok := strings.Cut(line, "|")
		fields := strings.Fields(head)
		if !ok || len(fields) < 2 || len(fields) > 3 {
			return nil, fmt.Errorf("plan: cannot read the line %q", line)
		}
		floor, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("plan: %q: %w", line, err)
		}
		r := room{floor: floor, pattern: fields[1], support: len(fields) == 3, order: len(out)}
		for _, m := range strings.Fields(may) {
			if m == "below" {
				r.below = true
				continue
			}
			r.may = append(r.may, m)
		}
		out = append(out, r)
	}
	return out, pointsDown(out)
}

// pointsDown reports the first room that names one which does not stand lower.
// On floor 0, where expr stands on kernel, lower means later in the table.
func pointsDown(all []room) error {
	for _, r := range all {
		for _, m := range r.may {
			i := slices.IndexFunc(all, func(o room) bool { return o.pattern == m })
			switch {
			case i < 0:
				return fmt.Errorf("plan: %s may import %s, which is no room", r.pattern, m)
			case all[i].floor > r.floor, all[i].floor == r.floor && (r.floor > 0 || all[i].order <= r.order):
				return fmt.Errorf("plan: %s on floor %d may not import %s on floor %d", r.pattern, r.floor, m, all[i].floor)
			}
		}
	}
	return nil
}

// find returns the room of a folder and the room's own name, which differs from
// its pattern where the pattern makes several rooms.
func find(all []room, dir string) (room, string, bool) {
	for _, r := range all {
		if name, ok := match(r.pattern, dir); ok {
			return r, name, true
		}
	}
	return room{}, "", false
}

func match(pattern, dir string) (string, bool) {
	if pattern == dir {
		return dir, true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return base, dir == base || strings.HasPrefix(dir, base+"/")
	}
	base, ok := strings.CutSuffix(pattern, "/*")
	rest, below := strings.CutPrefix(dir, base+"/")
	if !ok || !below {
		return "", false
	}
	first, _, _ := strings.Cut(rest, "/")
	return path.Join(base, first), true
}

// Import is one import of one file, by folder within the module.
type Import struct {
	File string // path of the importing file
	From string // folder of that file
	To   string // folder that is imported
	Test bool   // the file is a test file
}

// Violations returns what is wrong with imports under plan, one line each, in
// the order of imports.
func Violations(plan string, imports []Import) ([]string, error) {
	all, err := rooms(plan)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, im := range imports {
		if why := forbidden(all, im); why != "" {
			out = append(out, fmt.Sprintf("%s imports %s: %s", im.File, im.To, why))
		}
	}
	return out, nil
}

// forbidden returns why an import is not allowed, or "".
func forbidden(all []room, im Import) string {
	from, fromName, ok := find(all, im.From)
	if !ok {
		return fmt.Sprintf("the folder %s is not on the floor plan", im.From)
	}
	to, toName, ok := find(all, im.To)
	switch {
	case !ok:
		return fmt.Sprintf("the folder %s is not on the floor plan", im.To)
	case fromName == toName || to.pattern == fault:
		return ""
	case im.Test && to.floor <= TestFloor:
		return ""
	case to.support:
		return fmt.Sprintf("%s is for test files only", to.pattern)
	case from.below && to.floor < from.floor:
		return ""
	case slices.Contains(from.may, to.pattern):
		return ""
	}
	return fmt.Sprintf("%s on floor %d may not import %s on floor %d", from.pattern, from.floor, to.pattern, to.floor)
}
