package policyfile_test

import (
	"testing"

	"ringfence/internal/policyfile"
)

// TestPlace: what a server says about a field of the second document is shown
// where the file has it.
func TestPlace(t *testing.T) {
	docs, err := policyfile.Parse("f", []byte(document("a", "  pins: []\n")+"---\n"+document("b", `  client_certificates:
    - {alias: x, commonName: y, keyType: ec-p256, validityDays: 9}
  vpns:
    - name: v
      providerPackage: a.b
      servers:
        - address: one
        - {address: two}
      providerSettings: {k.k: v}
`)))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]int{
		"metadata.name":                                       {11, 9},
		"spec.vpns[0].servers[0].address":                     {19, 20},
		"spec.vpns[0].servers[1].address":                     {20, 21},
		"spec.vpns[0].provider_settings[\"k.k\"]":             {21, 31},
		"spec.client_certificates[0].common_name":             {14, 30},
		"spec.clientCertificates[0].key_type":                 {14, 42},
		"spec.vpns[0].servers[7].address":                     {19, 9}, // the list
		"spec.vpns[0].servers[999999999999999999999].address": {19, 9},
		"spec.vpns[0].lockdown":                               {16, 7}, // the vpn
		"spec.pins[0].scope":                                  {13, 3}, // the spec
		"name":                                                {8, 1},
		"":                                                    {8, 1},
	} {
		if line, column := docs[1].Place(path); [2]int{line, column} != want {
			t.Errorf("%q: %d:%d, want %v", path, line, column, want)
		}
	}
}
