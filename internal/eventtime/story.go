package eventtime

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// told is a tracker as it is written down.
type told struct {
	Parts []toldPart `json:"parts,omitempty"`
	Ended []int      `json:"ended,omitempty"` // sources
	Begun bool       `json:"begun,omitempty"`
	Mark  *int64     `json:"mark,omitempty"`
}

type toldPart struct {
	Part
	Max    *int64      `json:"max,omitempty"`
	Unread []toldFloor `json:"unread,omitempty"`
	Idle   bool        `json:"idle,omitempty"`
}

type toldFloor struct {
	Min  *int64 `json:"min,omitempty"`
	Last bool   `json:"last,omitempty"`
}

// MarshalJSON writes down all that the tracker knows: one that is read from it
// goes on as this one would.
func (t *Tracker) MarshalJSON() ([]byte, error) {
	out := told{Begun: t.begun, Ended: slices.Sorted(maps.Keys(t.ended))}
	if t.moved {
		out.Mark = &t.mark
	}
	for key, p := range t.parts {
		part := toldPart{Part: key, Idle: p.idle}
		if p.max != None {
			part.Max = &p.max
		}
		for i := range p.unread {
			f := toldFloor{Last: p.unread[i].last}
			if p.unread[i].known {
				f.Min = &p.unread[i].min
			}
			part.Unread = append(part.Unread, f)
		}
		out.Parts = append(out.Parts, part)
	}
	slices.SortFunc(out.Parts, func(a, b toldPart) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Partition, b.Partition))
	})
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, in place of what the tracker knew.
func (t *Tracker) UnmarshalJSON(text []byte) error {
	var in told
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*t = Tracker{begun: in.Begun}
	for _, source := range in.Ended {
		t.End(source)
	}
	if in.Mark != nil {
		t.mark, t.moved = *in.Mark, true
	}
	for _, told := range in.Parts {
		p := t.part(told.Part)
		if p.idle = told.Idle; told.Max != nil {
			p.max = *told.Max
		}
		for _, tf := range told.Unread {
			f := floor{last: tf.Last, known: tf.Min != nil}
			if f.known {
				f.min = *tf.Min
			}
			p.unread = append(p.unread, f)
		}
	}
	return nil
}
