// Package scalar holds the elementwise loops that expressions run over columns:
// arithmetic, comparison, lookup by dictionary code and selection by mask.
//
// It works on plain slices and knows nothing of Arrow, of types or of nulls:
// the caller combines validity and ignores what stands in null rows. All
// functions write every row of their destination, whose length is the number
// of rows. An operand of length 1 stands for a constant. A destination may be
// one of the operands, unless said otherwise. Nothing allocates.
//
// Floats compare as SQL does on this engine: NaN equals NaN and is larger than
// every other number, and -0 equals 0.
package scalar
