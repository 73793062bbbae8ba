package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/zeebo/xxh3"
)

// record is a line behind its sum.
type record struct {
	Seq   int64           `json:"seq"`
	Kind  string          `json:"kind"`
	Entry json.RawMessage `json:"entry"`
}

const (
	sumOpen  = `{"sum":"`
	sumClose = `",`
	sumLen   = 16
	bodyAt   = len(sumOpen) + sumLen + len(sumClose)
)

// kindOf names an entry in the log.
func kindOf(e driver.Entry) (string, error) {
	switch e.(type) {
	case driver.Started:
		return "started", nil
	case driver.Planned:
		return "planned", nil
	case driver.Committed:
		return "committed", nil
	case driver.Checkpointed:
		return "checkpointed", nil
	case driver.Ended:
		return "ended", nil
	}
	return "", fault.New(fault.Bug, "ledger: an entry of type %T", e)
}

// appendLine appends an entry as one line with its end.
func appendLine(dst []byte, seq int64, e driver.Entry) ([]byte, error) {
	kind, err := kindOf(e)
	if err != nil {
		return dst, err
	}
	entry, err := marshal(e)
	if err != nil {
		return dst, fault.New(fault.Bug, "ledger: %w", err)
	}
	body, err := marshal(record{Seq: seq, Kind: kind, Entry: entry})
	if err != nil {
		return dst, fault.New(fault.Bug, "ledger: %w", err)
	}
	body = body[1:] // the brace is in front of the sum
	dst = fmt.Appendf(dst, "%s%016x%s", sumOpen, xxh3.Hash(body), sumClose)
	return append(append(dst, body...), '\n'), nil
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// errSum is a line that is not what was written.
var errSum = errors.New("the line is damaged: its checksum does not match")

// parseLine reads a line without its end. An error wraps errSum where the line
// is not as it was written, and is another one where it is but makes no sense.
func parseLine(line []byte) (int64, driver.Entry, error) {
	if len(line) < bodyAt || string(line[:len(sumOpen)]) != sumOpen || string(line[bodyAt-len(sumClose):bodyAt]) != sumClose {
		return 0, nil, errSum
	}
	body := line[bodyAt:]
	if fmt.Sprintf("%016x", xxh3.Hash(body)) != string(line[len(sumOpen):len(sumOpen)+sumLen]) {
		return 0, nil, errSum
	}
	var r record
	if err := json.Unmarshal(append([]byte{'{'}, body...), &r); err != nil {
		return 0, nil, err
	}
	e, err := decode(r)
	return r.Seq, e, err
}

func decode(r record) (driver.Entry, error) {
	switch r.Kind {
	case "started":
		return unmarshal[driver.Started](r.Entry)
	case "planned":
		return unmarshal[driver.Planned](r.Entry)
	case "committed":
		return unmarshal[driver.Committed](r.Entry)
	case "checkpointed":
		return unmarshal[driver.Checkpointed](r.Entry)
	case "ended":
		return unmarshal[driver.Ended](r.Entry)
	}
	return nil, fmt.Errorf("an entry of the kind %q, which this version does not know", r.Kind)
}

func unmarshal[E driver.Entry](raw []byte) (driver.Entry, error) {
	var e E
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	return e, nil
}
