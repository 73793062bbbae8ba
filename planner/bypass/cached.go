package bypass

// Cached: what comes of a split up to a dataset that the job caches is stored, and
// neither read nor computed again.
//
// It is sound because the key under which it is stored names all that the rows depend
// on: the split with the source's own stamp of it (size, time or entity tag of a file, the
// row group, the range of bytes), the place among its partition's rows; the digest of
// everything from the Read with its options to the cached dataset, with all parameters
// and of all labels; the job's labels in their order and the ordinals of these operations, by which
// rows are marked and counted; the labels that travel in a frame; and
// the columns with their types, as another job may read others. Nothing else decides the
// rows there: a job caches only behind operations whose result depends on the row alone,
// neither a window, which drops what is late by the ledger, nor now(). A split is
// stored as a whole or not at all: not if any row of it became a dead letter, for these
// are part of the result, nor if some were pruned for what another job does behind, nor
// if rows entered behind the first operation. With the rows are stored the event times
// by which they move the watermark, and what was counted on their way, so that the
// counts of a run add up. Arrays are copied bit for bit, null, NaN and duplicates
// as they are, and read by many at once, changed by none.
//
// Which rows are found in the cache depends on what ran before: it decides no row.
