package ev

import (
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/learn/score"
)

// Outputs of the job that a Story is told in.
const (
	Nodes  = "nodes"
	Rounds = "rounds"
)

// NodeRow is what one node had to say of one round.
type NodeRow struct {
	Node    string
	End     time.Time // of the window
	Samples int64
	Round   int64 // that it is for: so many were over
	Version int64 // of the model that it began with
	// The model that the node had, tested before it trained on these rows; Tested says
	// that there was one.
	Tested   bool
	Accuracy float64
	LogLoss  float64
	Said     score.Confusion
	Bytes    int64 // submitted
}

// RoundRow is what the server made of one round.
type RoundRow struct {
	End                time.Time
	Version            int64 // after it
	Nodes, Samples     int64
	Staleness, Stalest int64
	Refused            int64
	Reasons            string
	Change             float64
	Up, Down           int64 // bytes
	// Accuracy is of the models that the nodes had, on the rows of the round; Tested says that
	// there was one.
	Tested   bool
	Accuracy float64
}

// Story is what a run told in its outputs. The zero Story is of a run that has told
// nothing yet.
type Story struct {
	Nodes  []NodeRow // in the order told
	Rounds []RoundRow

	// Where rows are, by what they are of: a row that is told again takes the place of the
	// first, as when a batch is published by a run that goes on.
	nodeAt  map[nodeWindow]int
	roundAt map[time.Time]int
}

type nodeWindow struct {
	node string
	end  time.Time
}

// Add adds a row of an output, given by its values that are not null, and says whether
// that is an output of a story. Columns that it lacks are zero.
func (s *Story) Add(output string, v map[string]any) bool {
	switch output {
	case Nodes:
		r := NodeRow{Node: text(v["node"]), End: moment(v["window_end"]), Samples: whole(v["samples"]), Round: whole(v["round"]), Version: whole(v["version"]),
			LogLoss: number(v["log_loss"]), Said: score.Confusion{TruePositive: whole(v["tp"]), FalsePositive: whole(v["fp"]), TrueNegative: whole(v["tn"]), FalseNegative: whole(v["fn"])}}
		r.Accuracy, r.Tested = v["accuracy_before"].(float64)
		keep(&s.Nodes, &s.nodeAt, nodeWindow{r.Node, r.End}, r)
	case Rounds:
		r := RoundRow{End: moment(v["window_end"]), Version: whole(v["version"]), Nodes: whole(v["nodes"]), Samples: whole(v["samples"]),
			Staleness: whole(v["staleness"]), Stalest: whole(v["stalest"]), Refused: whole(v["refused"]), Reasons: text(v["reasons"]),
			Change: number(v["change"]), Up: whole(v["bytes_up"]), Down: whole(v["bytes_down"])}
		r.Accuracy, r.Tested = v["accuracy"].(float64)
		keep(&s.Rounds, &s.roundAt, r.End, r)
	default:
		return false
	}
	return true
}

// keep appends a row, or sets the one of the same key.
func keep[R any, K comparable](list *[]R, places *map[K]int, key K, row R) {
	if *places == nil {
		*places = map[K]int{}
	}
	if i, ok := (*places)[key]; ok {
		(*list)[i] = row
		return
	}
	(*places)[key] = len(*list)
	*list = append(*list, row)
}

func text(v any) string { s, _ := v.(string); return s }

func whole(v any) int64 { n, _ := v.(int64); return n }

func number(v any) float64 { f, _ := v.(float64); return f }

func moment(v any) time.Time {
	at, ok := v.(arrow.Timestamp)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(int64(at)).UTC()
}

// Before is how many rounds were over before the first that is told.
func (s *Story) Before() int64 {
	if len(s.Nodes) == 0 {
		return 0
	}
	first := s.Nodes[0].Round
	for _, r := range s.Nodes {
		first = min(first, r.Round)
	}
	return first
}

// Names are the nodes, in order.
func (s *Story) Names() []string {
	seen := map[string]bool{}
	for _, r := range s.Nodes {
		seen[r.Node] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// of returns the rows of a node, by time.
func (s *Story) of(node string) []NodeRow {
	var out []NodeRow
	for _, r := range s.Nodes {
		if r.Node == node {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b NodeRow) int { return a.End.Compare(b.End) })
	return out
}

// Said adds up how the models that a node had did on rows that they had not seen; of
// all nodes if node is "".
func (s *Story) Said(node string) score.Confusion {
	var c score.Confusion
	for _, r := range s.Nodes {
		if r.Tested && (node == "" || r.Node == node) {
			c.Add(r.Said)
		}
	}
	return c
}

// Bytes are those that went up and down in all rounds.
func (s *Story) Bytes() (up, down int64) {
	for _, r := range s.Rounds {
		up, down = up+r.Up, down+r.Down
	}
	return up, down
}

// Refused are the submissions that the server refused, of all rounds.
func (s *Story) Refused() (n int64) {
	for _, r := range s.Rounds {
		n += r.Refused
	}
	return n
}
