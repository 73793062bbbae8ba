package wire

import "testing"

// The trial moves what it says, and gives rates.
func TestTrial(t *testing.T) {
	r, err := TrialBlocks(t.Context(), 8<<20)
	if err != nil || r.BlockGBps <= 0 || r.LZ4GBps <= 0 || r.GRPCGBps <= 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("%+v", r)
}

// BenchmarkBlocks reports the trial of 256 MB.
func BenchmarkBlocks(b *testing.B) {
	for b.Loop() {
		r, err := TrialBlocks(b.Context(), 256<<20)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.BlockGBps, "block-GB/s")
		b.ReportMetric(r.LZ4GBps, "lz4-GB/s")
		b.ReportMetric(r.GRPCGBps, "grpc-GB/s")
	}
}
