package connectors

// Result is the newest row of what a task wrote to the sink of the connector broadcast,
// as it lies in Staged.Part: the driver compares results by At, executors decode the row.
type Result struct {
	// At is the row's window_start, in microseconds since 1970. Where no row was written
	// that has one, it is the least that there is.
	At int64 `json:"at"`
	// Rows are the row as an Arrow stream of one batch, strings plain; none where there is no row.
	Rows []byte `json:"rows,omitempty"`
}
