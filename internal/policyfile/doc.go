// Package policyfile reads policy files: YAML with one document for each thing,
// which its kind names: Policy of devices, AppProtectionPolicy, App, AccessPolicy,
// Location, or AccessTest.
//
// A file comes from a person's editor, a generator or a stranger's repository,
// so it is read strictly and within bounds: at most 1 MiB, 1000 documents, 32
// levels and 4096 entries of a mapping or list; valid UTF-8; no anchors, aliases, tags or doubled keys; no unknown
// field; every value of its field's type and within the field's limits. Every
// problem says where it is: file, line and column. A file is good as a whole or
// gives no documents at all.
//
// Fields have their JSON or their proto names. Enum values have their wire
// names or short ones: PIN_QUALITY_NUMERIC_COMPLEX or numeric-complex. Durations
// are whole days, hours, minutes and seconds: 7d, 24h, 1h30m. Settings of
// app protection are texts, whole numbers, true or false, and lists: a number that
// is not whole would lose digits, as 14.10 does, and belongs in quotes.
package policyfile
