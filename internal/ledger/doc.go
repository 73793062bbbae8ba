// Package ledger keeps the durable story of a job: [Log] in a directory of its
// own, [Memory] for tests and for runs that need not be taken up again.
//
// A log is a sequence of files, 000001.jsonl and so on, of one JSON object a
// line:
//
//	{"sum":"91c3…","seq":17,"kind":"planned","entry":{…}}
//
// sum is the xxh3 of the bytes of the line behind the sum's comma, in 16
// hexadecimal digits; seq counts the lines from 1 through all files. An append
// is one write and one fsync for all its entries. When a file has reached its
// size the next append begins a new one.
//
// A crash may leave the end of the last append torn. [Open] cuts such a tail
// off and says so in [Log.Note]: nobody was told that it was durable. Damage
// anywhere else is a fault.Invalid that names file and line, and nothing is
// repaired.
//
// A log is locked against other processes as long as it is open.
package ledger
