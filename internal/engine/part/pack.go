package part

import (
	"bytes"
	"encoding/json"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// fileName is what a job that has travelled is called where its author's file is not known.
const fileName = "job"

// written is where the author wrote one dataset.
type written struct {
	Kind  string    `json:"kind"`
	At    rdd.Pos   `json:"at"`
	Marks rdd.Marks `json:"marks,omitempty"`
}

// Pack puts a resolved job into an opening: as a job file, with the schemas of its
// sources and the places where its author wrote it.
func Pack(job *rdd.Job, o *wire.Opening) error {
	var places []written
	for _, d := range job.Datasets() {
		places = append(places, written{Kind: d.Op().Kind(), At: d.At(""), Marks: d.Marks()})
		read, ok := d.Op().(rdd.Read)
		if !ok {
			continue
		}
		if read.Schema == nil {
			return fault.New(fault.Bug, "the source at %s has no schema yet", d.At(""))
		}
		var b bytes.Buffer
		if err := ipc.NewWriter(&b, ipc.WithSchema(read.Schema)).Close(); err != nil {
			return fault.New(fault.Bug, "the schema of the source at %s: %w", d.At(""), err)
		}
		o.Schemas = append(o.Schemas, b.Bytes())
	}
	places = append(places, written{At: job.Dead.At, Marks: job.Dead.Marks})
	var err error
	if o.Places, err = json.Marshal(places); err != nil {
		return fault.New(fault.Bug, "the places of the job: %w", err)
	}
	o.Job = jobfile.Reveal(job)
	return nil
}

// placesOf returns where the author wrote the datasets of a job, and last its dead
// letters: by the order of the datasets, which has travelled with them; nil if that is
// not known.
func placesOf(text []byte, job *rdd.Job) []written {
	var out []written
	all := job.Datasets()
	if json.Unmarshal(text, &out) != nil || len(out) != len(all)+1 {
		return nil
	}
	for i, d := range all {
		if out[i].Kind != d.Op().Kind() {
			return nil
		}
	}
	return out
}

// Unpack reads what Pack has put into an opening. The functions do not travel: they are
// those of the program.
func Unpack(o wire.Opening, kinds connectors.Registry, functions fn.Set) (*rdd.Job, error) {
	job, err := jobfile.Parse(fileName, o.Job, nil, kinds)
	if err != nil {
		return nil, err
	}
	out, schemas := *job, o.Schemas
	places := placesOf(o.Places, job)
	if places != nil {
		out.Dead.At, out.Dead.Marks = places[len(places)-1].At, places[len(places)-1].Marks
	}
	known, next := map[*rdd.Dataset]*rdd.Dataset{}, 0
	for i, d := range job.Datasets() {
		parents := make([]*rdd.Dataset, 0, len(d.Parents()))
		for _, p := range d.Parents() {
			parents = append(parents, known[p])
		}
		op := d.Op()
		if read, ok := op.(rdd.Read); ok {
			if next == len(schemas) {
				return nil, fault.New(fault.Invalid, "the job has more than the %d sources that it came with", next)
			}
			if read.Schema, err = schemaOf(schemas[next]); err != nil {
				return nil, err
			}
			next++
			op = read
		}
		if known[d] = d.With(op, parents...); places != nil {
			known[d] = rdd.Extend(op, places[i].At, places[i].Marks, parents...).Named(d.Name())
		}
	}
	if next < len(schemas) {
		return nil, fault.New(fault.Invalid, "the job has %d sources, and came with %d", next, len(schemas))
	}
	out.Sinks = nil
	for _, s := range job.Sinks {
		out.Sinks = append(out.Sinks, known[s])
	}
	return out.Using(functions), nil
}

// schemaOf reads the schema of an Arrow IPC stream.
func schemaOf(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the schema of a source cannot be read: %w", err)
	}
	defer r.Release()
	return r.Schema(), nil
}
