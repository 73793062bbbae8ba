package planner

import (
	"errors"
	"fmt"

	"github.com/idag/idag/rdd"
)

// mistake is what is wrong at one place. Where it is so for some of the labels
// there, their names are added to the text: an operation is checked for every
// label, and the author should read of a mistake once.
type mistake struct {
	at     rdd.Pos
	text   string
	labels rdd.LabelSet // for which it is wrong; 0: not a matter of labels
	here   rdd.LabelSet // that could have been wrong
}

// fail reports a mistake.
func (a *analysis) fail(at rdd.Pos, format string, args ...any) {
	a.failFor(0, 0, at, format, args...)
}

// failFor reports a mistake that is one for some of the labels here.
func (a *analysis) failFor(labels, here rdd.LabelSet, at rdd.Pos, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for i := range a.mistakes {
		if m := &a.mistakes[i]; m.at == at && m.text == text {
			m.labels |= labels
			return
		}
	}
	a.mistakes = append(a.mistakes, mistake{at, text, labels, here})
}

// err joins the mistakes, each as an *rdd.Error, or returns nil.
func (a *analysis) err() error {
	list := make([]error, 0, len(a.mistakes))
	for _, m := range a.mistakes {
		switch {
		case m.labels == m.here:
		case m.labels.Len() == 1:
			m.text += " (label " + a.names(m.labels) + ")"
		default:
			m.text += " (labels " + a.names(m.labels) + ")"
		}
		list = append(list, &rdd.Error{At: m.at, Text: m.text})
	}
	return errors.Join(list...)
}
