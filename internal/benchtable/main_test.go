package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const output = `goos: linux
BenchmarkCheckinUnchangedSQLite/product-2  	 100	 40000 ns/op
BenchmarkCheckinUnchangedSQLite/limit-2    	 100	 30000 ns/op
BenchmarkCheckinUnchangedSQLite/product-2  	 100	 50000 ns/op
BenchmarkCheckinUnchangedSQLite/limit-2    	 100	 20000 ns/op
BenchmarkCheckinUnchangedSQLite/product-2  	 100	 45000 ns/op
BenchmarkCheckinUnchangedSQLite/limit-2    	 100	 36000 ns/op
BenchmarkWatchIdleRSS/product-2            	   1	 9000 ns/op	 60.5 KiB/phone
BenchmarkContainerWrite/product-2          	  10	 1000 ns/op	 300.00 MB/s
BenchmarkContainerWrite/plain-2            	  10	 1000 ns/op	 400.00 MB/s
BenchmarkContainerWrite/limit-2            	  10	 1000 ns/op	1500.00 MB/s
BenchmarkManifestCompile/10-2              	1000	 7000 ns/op	 10 B/op	 2 allocs/op
PASS
`

func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.json")
	var out strings.Builder
	if err := run(strings.NewReader(output), &out, path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []row
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := []row{
		{Name: "checkin_unchanged_sqlite", Value: 1e9 / 45000.0, Unit: "calls/s", Limit: 1e9 / 30000.0, Ratio: 30000.0 / 45000},
		{Name: "container_write", Value: 300, Unit: "MB/s", Limit: 1500, Ratio: 0.2},
		{Name: "container_write_plain", Value: 300, Unit: "MB/s", Limit: 400, Ratio: 0.75},
		{Name: "watch_idle_rss", Value: 60.5, Unit: "KiB/phone"},
		{Name: "manifest_compile_10", Value: 7000, Unit: "ns"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{}), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, line := range []string{"ratio >= 0.8: NOT REACHED", "KiB/phone <= 52: NOT REACHED", "measured"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the table lacks %q:\n%s", line, out.String())
		}
	}
}

func TestNothingKnown(t *testing.T) {
	if err := run(strings.NewReader("PASS\n"), &strings.Builder{}, ""); err == nil {
		t.Error("an empty run should be an error")
	}
}
