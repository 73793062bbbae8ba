package bypass

// The reason Label is sound by what an operation is: one with For leaves rows of
// other labels as they are, and one with From lets them go on past it. A row's label
// is given once, by Tag, and only an operation that groups rows gives another; so at
// any place of the plan it is known of each branch which labels can come there. The
// proof looks at no value: nulls, NaN and duplicates do not come into it. A row of
// which the label is not what the author meant is still of the label that it was
// given, in every plan.
//
// A Map that drops a column is not passed by where a Union behind it might find the
// column again, by name.
