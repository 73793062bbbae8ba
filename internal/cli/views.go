package cli

import "github.com/idag/idag/rdd"

// views returns the view of a job that ships, by its name, or nil.
func views(name string, job *rdd.Job) view {
	switch name {
	case "ev", "ev-recorded", "twizy-ev":
		return newFleetView(job)
	}
	return nil
}
