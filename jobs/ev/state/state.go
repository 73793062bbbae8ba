// Package state is what the server of the electric vehicles' job knows from one round
// to the next, and the bytes in which that, models, rows to learn from and
// submissions travel as columns of the job.
//
// The server's state is one text column of the row that it writes a round: base64 of
// [State.Append]. All nodes see it as a broadcast. The other forms are binary
// columns. All of them are read without trust: bytes that are cut off, damaged, of
// another version or with numbers that are none are Invalid, and no more memory is
// taken than a small multiple of theirs.
//
// What is decoded belongs to the caller; byte slices in it are copies unless it is said
// that they are shared.
package state

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
)

const (
	magic   = "idev"
	version = 1
)

// State is what the server knows.
type State struct {
	Round   int64 // rounds that are over
	Version int64 // of the global model; 0 before there is one
	Scaler  *learn.Scaler
	Moments []byte    // of the features, while no scaler is agreed
	Params  []float64 // of the global network; nil of forests
	Nodes   []Node    // that something must be known of, by name: of forests, and under control
	Waiting []Submission
	Control Control
}

// Node is what is known of a node.
type Node struct {
	Name    string
	Version int64 // of the global model that it was last given
	Since   int64 // round of its last exchange
	Samples int64 // rows that it learned from since
	// Base is what the server and the node both know: the model that the node was given,
	// and what it sent since. Local is what the node has: its own memory, which has no
	// other place in a job. Of forests Forest is the node's newest.
	Base, Local []float64
	Forest      []byte
	// What control has learned: the share of attempts that reached the node, and the
	// size of what its updates change.
	Link, Change float64
}

// Control is what control over all nodes has learned.
type Control struct {
	Price float64 // of a whole model's bytes, in units of the usual gain of an exchange
	Gain  float64 // the usual gain: a squared length
}

// Submission is what a node sends. Params and Moments are empty where it sends none.
type Submission struct {
	Node     string
	Round    int64 // that it was made in
	Newest   int64 // version of the global model then: the server's word, not the node's
	Version  int64 // of the model that training began with
	Samples  int64
	Arrives  int64 // microseconds of event time
	Accuracy float64
	Params   []byte
	Moments  []byte
}

// Text returns the state as text.
func (s *State) Text() string { return base64.RawStdEncoding.EncodeToString(s.Append(nil)) }

// Append appends the state's bytes.
func (s *State) Append(b []byte) []byte {
	from := len(b)
	b = append(append(b, magic...), version)
	for _, v := range []int64{s.Round, s.Version} {
		b = binary.AppendVarint(b, v)
	}
	if s.Scaler == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = appendFloats(appendFloats(b, s.Scaler.Shift), s.Scaler.Scale)
	}
	b = appendBytes(b, s.Moments)
	b = appendFloats(b, s.Params)
	b = binary.AppendUvarint(b, uint64(len(s.Nodes)))
	for i := range s.Nodes {
		n := &s.Nodes[i]
		b = appendBytes(b, n.Name)
		for _, v := range []int64{n.Version, n.Since, n.Samples} {
			b = binary.AppendVarint(b, v)
		}
		b = appendBytes(appendFloats(appendFloats(b, n.Base), n.Local), n.Forest)
		b = appendFloat(appendFloat(b, n.Link), n.Change)
	}
	b = appendList(b, s.Waiting)
	for _, v := range []float64{s.Control.Price, s.Control.Gain} {
		b = appendFloat(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], crc32.MakeTable(crc32.Castagnoli)))
}

// Decode reads what Text wrote.
func Decode(text string) (*State, error) {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the server's state is no base64: %w", err)
	}
	return Read(b)
}

// Read reads what Append wrote. Submissions in it share the memory of b.
func Read(b []byte) (*State, error) {
	if len(b) < len(magic)+1+4 || string(b[:len(magic)]) != magic {
		return nil, fault.New(fault.Invalid, "no server's state: %d bytes without its mark", len(b))
	}
	body := b[:len(b)-4]
	if v := b[len(magic)]; v != version {
		return nil, fault.New(fault.Invalid, "a server's state of version %d, expected %d", v, version)
	}
	if got, want := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return nil, fault.New(fault.Invalid, "the server's state is damaged: its checksum is %08x, expected %08x", got, want)
	}
	r := &reader{b: body[len(magic)+1:], what: "the server's state"}
	s := r.state()
	if err := r.end(); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *reader) state() *State {
	s := &State{Round: r.varint(), Version: r.varint()}
	if r.byte() == 1 {
		s.Scaler = &learn.Scaler{Shift: r.floats(), Scale: r.floats()}
		if len(s.Scaler.Shift) != len(s.Scaler.Scale) {
			r.fail("a scaler of %d shifts and %d scales", len(s.Scaler.Shift), len(s.Scaler.Scale))
		}
	}
	s.Moments, s.Params = r.bytes(), r.floats()
	for range r.count(14) {
		n := Node{Name: string(r.bytes()), Version: r.varint(), Since: r.varint(), Samples: r.varint()}
		n.Base, n.Local, n.Forest, n.Link, n.Change = r.floats(), r.floats(), r.bytes(), r.float(), r.float()
		if at := len(s.Nodes); at > 0 && r.err == nil && s.Nodes[at-1].Name >= n.Name {
			r.fail("nodes %q and %q are out of order", s.Nodes[at-1].Name, n.Name)
		}
		s.Nodes = append(s.Nodes, n)
	}
	s.Waiting = r.list()
	s.Control = Control{Price: r.float(), Gain: r.float()}
	if s.Round < 0 || s.Version < 0 {
		r.fail("round %d and version %d", s.Round, s.Version)
	}
	return s
}

// Node returns what is known of a node, or nil; Nodes are sorted by name.
func (s *State) Node(name string) *Node {
	lo, hi := 0, len(s.Nodes)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.Nodes[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.Nodes) && s.Nodes[lo].Name == name {
		return &s.Nodes[lo]
	}
	return nil
}
