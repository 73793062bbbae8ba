package bypass

// Why is the reason as a clause, for people.
func (r Reason) Why() string {
	switch r {
	case Label:
		return "not for this label"
	case Unscheduled:
		return "nothing that is written asks for it"
	case Partitioned:
		return "the rows are where it would bring them"
	case Done:
		return "whoever wrote the rows has applied it"
	case Identity:
		return "statistics prove that it changes nothing"
	case Empty:
		return "statistics prove that no row gets through"
	case Cached:
		return "what comes out is stored"
	}
	return string(r)
}
