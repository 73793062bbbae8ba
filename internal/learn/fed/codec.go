package fed

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/exact"
)

// codecVersion is the first byte of tallies and rounds.
const codecVersion = 1

// tallyHead and roundHead are the parts of the bytes that are JSON.
type tallyHead struct {
	Method  Method `json:"method"`
	Width   int    `json:"width"`
	Version int64  `json:"version"`
	Count   int64  `json:"count"`
}

type roundHead struct {
	Policy Policy   `json:"policy"`
	Opened int64    `json:"opened"`
	Report Report   `json:"report"`
	Nodes  []string `json:"nodes"`
}

// AppendBinary appends bytes that are equal for tallies of equal updates.
func (t *Tally) AppendBinary(b []byte) ([]byte, error) {
	b, err := appendHead(b, tallyHead{t.method, t.width, t.version, t.count})
	if err != nil {
		return nil, err
	}
	if t.method.keeps() {
		for _, i := range t.order() {
			b = binary.AppendUvarint(b, uint64(len(t.nodes[i])))
			b = append(b, t.nodes[i]...)
			for _, p := range t.row(i) {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p))
			}
		}
		return b, nil
	}
	if b, err = t.total.AppendBinary(b); err != nil {
		return nil, err
	}
	for i := range t.sums {
		if b, err = t.sums[i].AppendBinary(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote; anything else is Invalid, and
// leaves the tally as it was.
func (t *Tally) UnmarshalBinary(b []byte) error {
	var head tallyHead
	b, err := readHead(b, &head)
	if err != nil {
		return err
	}
	// A sum has three bytes at least, a vector eight for each parameter.
	if head.Width > len(b)/3 && (head.Count > 0 || !head.Method.keeps()) || head.Count < 0 {
		return fault.New(fault.Invalid, "a tally of %d models of %d parameters in %d bytes", head.Count, head.Width, len(b))
	}
	out, err := head.Method.Tally(head.Width, head.Version)
	if err != nil {
		return err
	}
	out.count = head.Count
	if head.Method.keeps() {
		b, err = out.readKept(b)
	} else {
		b, err = out.readSums(b)
	}
	if err != nil {
		return err
	}
	if len(b) > 0 {
		return fault.New(fault.Invalid, "a tally is followed by %d bytes", len(b))
	}
	*t = *out
	return nil
}

func (t *Tally) readSums(b []byte) ([]byte, error) {
	read := func(s *exact.Sum) (err error) {
		b, err = s.Read(b)
		if err == nil && math.IsNaN(s.Float()) {
			err = fault.New(fault.Invalid, "a tally has a sum that is no number")
		}
		return err
	}
	if err := read(&t.total); err != nil {
		return nil, err
	}
	for i := range t.sums {
		if err := read(&t.sums[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (t *Tally) readKept(b []byte) ([]byte, error) {
	for range t.count {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) || len(b)-used-int(n) < 8*t.width {
			return nil, fault.New(fault.Invalid, "a tally of %d models is cut off", t.count)
		}
		t.nodes = append(t.nodes, string(b[used:used+int(n)]))
		b = b[used+int(n):]
		for range t.width {
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			if !(math.Abs(v) <= largest) {
				return nil, fault.New(fault.Invalid, "a tally has a parameter of %v", v)
			}
			t.kept = append(t.kept, v)
			b = b[8:]
		}
	}
	return b, nil
}

// AppendBinary appends bytes that are equal for rounds that took in and refused
// alike.
func (r *Round) AppendBinary(b []byte) ([]byte, error) {
	b, err := appendHead(b, roundHead{r.policy, r.opened, r.report, slices.Sorted(maps.Keys(r.nodes))})
	if err != nil {
		return nil, err
	}
	return r.tally.AppendBinary(b)
}

// UnmarshalBinary reads what AppendBinary wrote; anything else is Invalid, and
// leaves the round as it was.
func (r *Round) UnmarshalBinary(b []byte) error {
	var head roundHead
	b, err := readHead(b, &head)
	if err != nil {
		return err
	}
	tally := new(Tally)
	if err := tally.UnmarshalBinary(b); err != nil {
		return err
	}
	one := Policy{Method: head.Policy.Method, Width: 1, Threshold: head.Policy.Threshold, Deadline: head.Policy.Deadline}
	out, err := one.Open(0, 0, 0)
	if err != nil {
		return err
	}
	out.policy, out.opened, out.report, out.tally = head.Policy, head.Opened, head.Report, tally
	out.number, out.version = head.Report.Round, head.Report.Version
	for _, n := range head.Nodes {
		out.nodes[n] = true
	}
	if len(out.nodes) != head.Report.Nodes || tally.Count() != head.Report.Nodes || tally.method != head.Policy.Method ||
		tally.width != head.Policy.Width || tally.version != head.Report.Version {
		return fault.New(fault.Invalid, "round %d and its tally do not belong together", out.number)
	}
	*r = *out
	return nil
}

// appendHead writes the version, and JSON behind its length.
func appendHead(b []byte, head any) ([]byte, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fault.Wrap(fault.Bug, err)
	}
	b = binary.AppendUvarint(append(b, codecVersion), uint64(len(text)))
	return append(b, text...), nil
}

func readHead(b []byte, head any) ([]byte, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return nil, fault.New(fault.Invalid, "no tally or round of version %d", codecVersion)
	}
	n, used := binary.Uvarint(b[1:])
	if used <= 0 || n > uint64(len(b)-1-used) {
		return nil, fault.New(fault.Invalid, "a tally or round is cut off")
	}
	b = b[1+used:]
	if err := json.Unmarshal(b[:n], head); err != nil {
		return nil, fault.New(fault.Invalid, "a tally or round: %w", err)
	}
	return b[n:], nil
}
