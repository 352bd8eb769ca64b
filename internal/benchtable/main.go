// Command benchtable reads the output of `go test -bench` on standard input
// and prints one row for each product/limit pair: value, limit, ratio and goal.
// With -json FILE it also writes the rows for a program to read.
//
// A pair is two sub-benchmarks of one benchmark, "product" and "limit", or
// another one that the figure names. Each figure is the median over the runs of
// -count.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure says how one benchmark becomes one row.
type figure struct {
	name, bench string
	// metric is the unit in the benchmark's output; "ns/op" is turned into a
	// rate when perSecond is set.
	metric, unit string
	perSecond    bool
	// against names the sub-benchmark of the limit; empty for "limit".
	against string
	// goal bounds the ratio (value to limit) or, with absolute, the value; 0
	// means the figure is only measured.
	goal             float64
	atMost, absolute bool
}

var figures = []figure{
	{name: "checkin_unchanged_sqlite", bench: "CheckinUnchangedSQLite", metric: "ns/op", unit: "calls/s", perSecond: true, goal: 0.80},
	{name: "checkin_changed_sqlite", bench: "CheckinChangedSQLite", metric: "ns/op", unit: "calls/s", perSecond: true, goal: 0.35},
	{name: "checkin_changed_postgres", bench: "CheckinChangedPostgres", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "join_kept_sqlite", bench: "JoinKeptSQLite", metric: "ns/op", unit: "joins/s", perSecond: true, goal: 0.35},
	{name: "join_new_sqlite", bench: "JoinNewSQLite", metric: "ns/op", unit: "joins/s", perSecond: true, goal: 0.70},
	{name: "app_checkin_unchanged_sqlite", bench: "AppCheckinUnchangedSQLite", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "app_checkin_changed_sqlite", bench: "AppCheckinChangedSQLite", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "app_checkin_unchanged_postgres", bench: "AppCheckinUnchangedPostgres", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "app_checkin_changed_postgres", bench: "AppCheckinChangedPostgres", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "app_register_sqlite", bench: "AppRegisterSQLite", metric: "ns/op", unit: "calls/s", perSecond: true},
	{name: "forward_auth_sqlite", bench: "ForwardAuthSQLite", metric: "ns/op", unit: "decisions/s", perSecond: true},
	{name: "forward_auth_postgres", bench: "ForwardAuthPostgres", metric: "ns/op", unit: "decisions/s", perSecond: true},
	{name: "ext_authz_sqlite", bench: "ExtAuthzSQLite", metric: "ns/op", unit: "decisions/s", perSecond: true},
	{name: "access_decide_sqlite", bench: "AccessDecideSQLite", metric: "ns/op", unit: "decisions/s", perSecond: true},
	{name: "lease_sign", bench: "LeaseSign", metric: "ns/op", unit: "leases/s", perSecond: true},
	{name: "lease_sign_raw", bench: "LeaseSign", metric: "ns/op", unit: "leases/s", perSecond: true, against: "raw"},
	{name: "container_write", bench: "ContainerWrite", metric: "MB/s", unit: "MB/s"},
	{name: "container_write_plain", bench: "ContainerWrite", metric: "MB/s", unit: "MB/s", against: "plain"},
	{name: "container_read", bench: "ContainerRead", metric: "MB/s", unit: "MB/s"},
	{name: "container_read_plain", bench: "ContainerRead", metric: "MB/s", unit: "MB/s", against: "plain"},
	{name: "watch_idle_rss", bench: "WatchIdleRSS", metric: "KiB/phone", unit: "KiB/phone", goal: 52, atMost: true, absolute: true},
	{name: "bell_fanout_10k", bench: "BellFanout10k", metric: "ms/fanout", unit: "ms", goal: 1.25, atMost: true},
	{name: "order_acted_p50", bench: "OrderActed", metric: "p50-ms", unit: "ms"},
	{name: "order_acted_p99", bench: "OrderActed", metric: "p99-ms", unit: "ms"},
	{name: "truth_door_p50", bench: "TruthSQLite", metric: "door-p50-ms", unit: "ms"},
	{name: "truth_door_p95", bench: "TruthSQLite", metric: "door-p95-ms", unit: "ms"},
	{name: "truth_door_p99", bench: "TruthSQLite", metric: "door-p99-ms", unit: "ms", goal: 50, atMost: true, absolute: true},
	{name: "truth_push_p50", bench: "TruthSQLite", metric: "push-p50-ms", unit: "ms"},
	{name: "truth_push_p95", bench: "TruthSQLite", metric: "push-p95-ms", unit: "ms"},
	{name: "truth_push_p99", bench: "TruthSQLite", metric: "push-p99-ms", unit: "ms", goal: 50, atMost: true, absolute: true},
	{name: "truth_postgres_door_p50", bench: "TruthPostgres", metric: "door-p50-ms", unit: "ms"},
	{name: "truth_postgres_door_p95", bench: "TruthPostgres", metric: "door-p95-ms", unit: "ms"},
	{name: "truth_postgres_door_p99", bench: "TruthPostgres", metric: "door-p99-ms", unit: "ms"},
	{name: "truth_postgres_push_p50", bench: "TruthPostgres", metric: "push-p50-ms", unit: "ms"},
	{name: "truth_postgres_push_p95", bench: "TruthPostgres", metric: "push-p95-ms", unit: "ms"},
	{name: "truth_postgres_push_p99", bench: "TruthPostgres", metric: "push-p99-ms", unit: "ms"},
	{name: "orders_10k_plan", bench: "Orders10k", metric: "plan-ms", unit: "ms"},
	{name: "orders_10k_approve", bench: "Orders10k", metric: "approve-ms", unit: "ms"},
	{name: "orders_10k_deliver", bench: "Orders10k", metric: "deliver-ms", unit: "ms"},
	{name: "manifest_compile_1", bench: "ManifestCompile/1", metric: "ns/op", unit: "ns"},
	{name: "manifest_compile_10", bench: "ManifestCompile/10", metric: "ns/op", unit: "ns"},
	{name: "manifest_compile_100", bench: "ManifestCompile/100", metric: "ns/op", unit: "ns"},
}

// row is one line of the table. Limit and Ratio are 0 where there is no limit.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Limit float64 `json:"limit"`
	Ratio float64 `json:"ratio"`
	goal  string
}

func main() {
	out := flag.String("json", "", "also write the rows to this `file`")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *out); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, jsonPath string) error {
	runs, err := parse(in)
	if err != nil {
		return err
	}
	var rows []row
	for _, f := range figures {
		if r, ok := f.row(runs); ok {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("no known benchmark in the input")
	}
	if err := table(out, rows); err != nil {
		return err
	}
	if jsonPath == "" {
		return nil
	}
	data, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(jsonPath, append(data, '\n'), 0o600)
}

// results are all values seen, by benchmark and by metric.
type results map[string]map[string][]float64

// parse reads lines such as "BenchmarkX/product-2   100   123 ns/op   4 KiB/phone".
func parse(in io.Reader) (results, error) {
	runs := make(results)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		if runs[name] == nil {
			runs[name] = make(map[string][]float64)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is not a number", name, fields[i])
			}
			runs[name][fields[i+1]] = append(runs[name][fields[i+1]], value)
		}
	}
	return runs, scanner.Err()
}

// value gives the median of a benchmark's metric, in the figure's unit.
func (f figure) value(runs results, bench string) (float64, bool) {
	seen := slices.Sorted(slices.Values(runs[bench][f.metric]))
	if len(seen) == 0 {
		return 0, false
	}
	median := seen[len(seen)/2]
	if f.perSecond {
		return 1e9 / median, true
	}
	return median, true
}

func (f figure) row(runs results) (row, bool) {
	value, ok := f.value(runs, f.bench+"/product")
	if !ok {
		value, ok = f.value(runs, f.bench)
	}
	if !ok {
		return row{}, false
	}
	r := row{Name: f.name, Value: value, Unit: f.unit}
	if limit, ok := f.value(runs, f.bench+"/"+cmp.Or(f.against, "limit")); ok {
		r.Limit, r.Ratio = limit, value/limit
	}
	r.goal = f.judge(r)
	return r, true
}

// judge says whether the goal is reached, in words for the table.
func (f figure) judge(r row) string {
	if f.goal == 0 {
		return "measured"
	}
	got, what := r.Ratio, "ratio"
	if f.absolute {
		got, what = r.Value, f.unit
	}
	sign, reached := ">=", got >= f.goal
	if f.atMost {
		sign, reached = "<=", got <= f.goal
	}
	word := "NOT REACHED"
	if reached {
		word = "reached"
	}
	return fmt.Sprintf("%s %s %g: %s", what, sign, f.goal, word)
}

func table(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVALUE\tUNIT\tLIMIT\tRATIO\tGOAL")
	for _, r := range rows {
		limit, ratio := "-", "-"
		if r.Limit != 0 {
			limit, ratio = strconv.FormatFloat(r.Limit, 'f', 1, 64), strconv.FormatFloat(r.Ratio, 'f', 2, 64)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%s\t%s\t%s\t%s\n", r.Name, r.Value, r.Unit, limit, ratio, r.goal)
	}
	return w.Flush()
}
