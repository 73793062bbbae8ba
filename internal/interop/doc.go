// Package interop checks the Parquet connector against other implementations:
// Arrow's own reader and writer (pqarrow) and xitongsys/parquet-go, whose
// users' data sets must replay right and who must be able to read what a job
// writes. It is a module of its own so that their dependencies (gRPC, cloud
// clients) stay out of the engine. There is nothing here but tests; run them
// with
//
//	cd internal/interop && go test ./...
//
// The benchmarks compare decoding and writing with pqarrow in one run:
//
//	go test -run '^$' -bench . -benchtime 3s
package interop
