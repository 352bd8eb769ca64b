package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
)

// Real messages made once, so that fuzzing starts from valid input and is the
// same in every run. The roots' keys are gone.
const (
	seedRoot = "MIIByzCCAVCgAwIBAgIQTipMrBI2tc9hqxMV/cc0ljAKBggqhkjOPQQDAzAlMSMwIQYDVQQDExpSaW5nZmVuY2UgUm9vdCBDQSA0" +
		"ZTJhNGNhYzAeFw0yNjExMTUxMjAwMDBaFw00MTExMTgxMjAwMDBaMCUxIzAhBgNVBAMTGlJpbmdmZW5jZSBSb290IENBIDRlMmE0" +
		"Y2FjMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEf1OokexIaxZWn59KdK4ihEe0b8oRl+cpGM6+nOuOb7SWfm3Vm35IOHc6/jJgCo4L" +
		"nq1JLW+vRhxV1ZKM55BojKb7EIL1JoEjShl2LzvMv4hyzGNkkf2L7FobE8xzElk5o0UwQzAOBgNVHQ8BAf8EBAMCAQYwEgYDVR0T" +
		"AQH/BAgwBgEB/wIBATAdBgNVHQ4EFgQUO9IBnqBDhTQBYyrg7Qxej4RXXfQwCgYIKoZIzj0EAwMDaQAwZgIxANboQv2hjUpl3fxe" +
		"ke9GZqZFBGkRxF4rxIBGt0HND+NDtXo06stNFY3AtWpzYzIdDgIxAMLPYVSj3o2MYQF3l38GCGE5dO3kdns6mPIXieyAUXfpEhzA" +
		"FZVL9Y3oTNECqyvuGg=="
	seedSigned = "MIIC7gYJKoZIhvcNAQcCoIIC3zCCAtsCAQExDTALBglghkgBZQMEAgEwOQYJKoZIhvcNAQcBoCwEKndpcGUgdGhlIHdvcmsgcHJv" +
		"ZmlsZSBvZiBkZXZpY2UgMSwgZXBvY2ggMqCCAeMwggHfMIIBZKADAgECAhB/a8Dx5v/S90gKFNYyTqsdMAoGCCqGSM49BAMDMCUx" +
		"IzAhBgNVBAMTGlJpbmdmZW5jZSBSb290IENBIDRlMmE0Y2FjMB4XDTI2MTExNTEyMDAwMFoXDTI4MTEyMTEyMDAwMFowJDEiMCAG" +
		"A1UEAxMZUmluZ2ZlbmNlIG9yZGVycyA3ZjZiYzBmMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMacM7h4/WQ6G1tVo/VWMtoz" +
		"baZdLURnQ0Tmptzd4dgIV9nG3SLSiP3FrUhY6ievYlkTmIJjOHEgA1qVxBcF1uijdzB1MA4GA1UdDwEB/wQEAwIHgDAVBgNVHSUE" +
		"DjAMBgorBgEEAYH9WQEBMAwGA1UdEwEB/wQCMAAwHQYDVR0OBBYEFAicT4yNP6eWf9mogLuywpYlvK3jMB8GA1UdIwQYMBaAFDvS" +
		"AZ6gQ4U0AWMq4O0MXo+EV130MAoGCCqGSM49BAMDA2kAMGYCMQDrxgd9KLi9vOQuzCCv/R5H0qkciKjxaKDUNKZxuOaNlt+ri6A9" +
		"Pn9s0oHRsxdnsaYCMQDc/f69qi0DydJgwGSkBEc2GK7RcSfbXflMym5Bpgk2xV1T1Twt8aXcrdXZJXlHi/wxgaQwgaECAQEwOTAl" +
		"MSMwIQYDVQQDExpSaW5nZmVuY2UgUm9vdCBDQSA0ZTJhNGNhYwIQf2vA8eb/0vdIChTWMk6rHTALBglghkgBZQMEAgEwCgYIKoZI" +
		"zj0EAwIESDBGAiEAsZX4uWb5gCGG2QoLkXJdhisvYYJeEpPRS4Tu1dPhew4CIQChjRwiOCllTrnhcCayKDiihgDlB5z1BKvfQXLT" +
		"vjONig=="
	seedCSR = "MIHGMG8CAQAwDTELMAkGA1UEAxMCbWUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASyMY6vhIGRUqiQyxTBsIrS172MsnOaAPGx" +
		"Bujs/ON14fBS2o2WVvpfJdjHA6bCgEjI0csnD9gikTPwCGaXItLQoAAwCgYIKoZIzj0EAwIDRwAwRAIgGFSR7USsc+/sRVW6xm+M" +
		"U0sd+7v61DBGYG4C6HwzttcCICgZ56WbXYLwvd0Y+kjd3FHtm2jBybGiRY/VrjXK38nh"
	seedOrder = "MIICvgYJKoZIhvcNAQcCoIICrzCCAqsCAQExDTALBglghkgBZQMEAgEwKwYJKoZIhvcNAQcBoB4EHHdpcGUgcmVnaXN0cmF0aW9uIDEsIGVw" +
		"b2NoIDKgggHCMIIBvjCCAWSgAwIBAgIQdQSVHXy0+f+YtI2B5PBxhTAKBggqhkjOPQQDAjAlMSMwIQYDVQQDExpSaW5nZmVuY2UgUm9vdCBD" +
		"QSA1NWIwMWRhOTAeFw0yNjExMTUxMjAwMDBaFw0yODExMjExMjAwMDBaMCQxIjAgBgNVBAMTGVJpbmdmZW5jZSBvcmRlcnMgNzUwNDk1MWQw" +
		"WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQZ0R0Qy+zlJilDr7w9gtdb1egzJnaM/oXhqYm6+nY+mZ4E0dD+E/I1lvPxJY+hjvTUho1DEUcp" +
		"GTFA1UEinJOio3cwdTAOBgNVHQ8BAf8EBAMCB4AwFQYDVR0lBA4wDAYKKwYBBAGB/VkBATAMBgNVHRMBAf8EAjAAMB0GA1UdDgQWBBRJsyFN" +
		"OmhGaJfw5mIoLp+nrYWabjAfBgNVHSMEGDAWgBSypNqpwxNVrb61+ZcPmBRO6fxklDAKBggqhkjOPQQDAgNIADBFAiBqaveECvwnO457rfLW" +
		"fCymj1//fwSV5IFz/1+DT6LXaAIhALs3kEpz9OlOL+YA8nccsBgWC/TjZ9rTkDgn50aisV6mMYGjMIGgAgEBMDkwJTEjMCEGA1UEAxMaUmlu" +
		"Z2ZlbmNlIFJvb3QgQ0EgNTViMDFkYTkCEHUElR18tPn/mLSNgeTwcYUwCwYJYIZIAWUDBAIBMAoGCCqGSM49BAMCBEcwRQIhAPSbMZfEHRpl" +
		"xLRkfE5tJmFm5zrHpIMBoKin4jkCBI7aAiAHImGl/eMV94dh9+iXK+vaQTykYIUnWtR2YKh7uyKYIw=="
	seedLeaseRoot = "MIIBjTCCATOgAwIBAgIQVbAdqViZ4IRGjWcGVV0gXTAKBggqhkjOPQQDAjAlMSMwIQYDVQQDExpSaW5nZmVuY2UgUm9vdCBDQSA1NWIwMWRh" +
		"OTAeFw0yNjExMTUxMjAwMDBaFw00MTExMTgxMjAwMDBaMCUxIzAhBgNVBAMTGlJpbmdmZW5jZSBSb290IENBIDU1YjAxZGE5MFkwEwYHKoZI" +
		"zj0CAQYIKoZIzj0DAQcDQgAE61YvrtgiuMtTQYPUDEtTSmA6Q/SHoG3XUGRF6yD/Huj7ulNSDK2gcMLNUoN233HULwpl39w8ryFM1px7KTyY" +
		"AqNFMEMwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwHQYDVR0OBBYEFLKk2qnDE1WtvrX5lw+YFE7p/GSUMAoGCCqGSM49" +
		"BAMCA0gAMEUCIQD+nTcRWUqROes+Sngvt37mygL3bhMOwgsN7uxMqK7srgIgYWBIkDaRTgp/MD+88jhkJt/w8ZLl8cNBjCmTSJp4twY="
	seedLease = "MIICxQYJKoZIhvcNAQcCoIICtjCCArICAQExDTALBglghkgBZQMEAgEwMQYJKoZIhvcNAQcBoCQEImxlYXNlIDcgb2YgcmVnaXN0cmF0aW9u" +
		"IDEsIGVwb2NoIDKgggHDMIIBvzCCAWSgAwIBAgIQbLTPPBxZC93aYjScrFGOjTAKBggqhkjOPQQDAjAlMSMwIQYDVQQDExpSaW5nZmVuY2Ug" +
		"Um9vdCBDQSA1NWIwMWRhOTAeFw0yNjExMTUxMjAwMDBaFw0yODExMjExMjAwMDBaMCQxIjAgBgNVBAMTGVJpbmdmZW5jZSBsZWFzZXMgNmNi" +
		"NGNmM2MwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ5+mVbllrondSAo3/O3br+tqI/Ip2+MHeiGN9T3Pzbe46xlBsQ3quM+3Q+8EbjLB+9" +
		"poMFuH4m8Tzi7pR1XYcJo3cwdTAOBgNVHQ8BAf8EBAMCB4AwFQYDVR0lBA4wDAYKKwYBBAGB/VkBAjAMBgNVHRMBAf8EAjAAMB0GA1UdDgQW" +
		"BBSOANq66NWVS4jTQaHOEKK2+QO4/DAfBgNVHSMEGDAWgBSypNqpwxNVrb61+ZcPmBRO6fxklDAKBggqhkjOPQQDAgNJADBGAiEA8K7vilnv" +
		"AuQJbVHxgZeKR39I2cnSLxUs6SoGENYp37kCIQCqqZsj3XooFQIBiwwNZ4r1RgD07SujGZo0R+myP1ftZDGBozCBoAIBATA5MCUxIzAhBgNV" +
		"BAMTGlJpbmdmZW5jZSBSb290IENBIDU1YjAxZGE5AhBstM88HFkL3dpiNJysUY6NMAsGCWCGSAFlAwQCATAKBggqhkjOPQQDAgRHMEUCIQCL" +
		"VSIjC32pH9YSsIyVlUPsaTCHFyRugU5ixfcbCcaSaQIgbKjc8sw/g8yFD4N8ouDGLQWDykzci+QwYN6Ujza9m9s="
)

func seed(t testing.TB, text string) []byte {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Whatever is accepted is exactly what was sent, signed by the key inside, and
// nothing can be added or taken away.
func FuzzParseCSR(f *testing.F) {
	f.Add(seed(f, seedCSR))
	f.Add(newCSR(f, newKey(f, elliptic.P384()), 0))
	f.Add(csrWith(f, spki(f, newKey(f, elliptic.P224()).Public())))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := ParseCSR(der)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Raw, der) {
			t.Error("accepted with something beside it")
		}
		if err := CheckPublicKey(r.PublicKey); err != nil {
			t.Errorf("accepted, though the key %v", err)
		}
		again, err := ParseCSR(r.Raw)
		if err != nil || !bytes.Equal(again.RawSubjectPublicKeyInfo, r.RawSubjectPublicKeyInfo) {
			t.Errorf("does not survive a round trip: %v", err)
		}
		if _, err := ParseCSR(der[:len(der)-1]); err == nil {
			t.Error("accepted truncated")
		}
	})
}

// Nobody holds the key any more: whatever verifies has the content that was
// signed.
func FuzzVerifySigned(f *testing.F) {
	root, err := x509.ParseCertificate(seed(f, seedRoot))
	if err != nil {
		f.Fatal(err)
	}
	roots := []*x509.Certificate{root}
	when := root.NotBefore.Add(30 * day)
	good := seed(f, seedSigned)
	if _, _, err := VerifySigned(good, roots, OrdersKeyUsage, when); err != nil {
		f.Fatal("the seed does not verify")
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(indefinite(good))
	f.Add(deep(20))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		got, signer, err := VerifySigned(der, roots, OrdersKeyUsage, when)
		if err != nil {
			if err != ErrSigned || got != nil || signer != nil {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if !bytes.Equal(got, content) {
			t.Errorf("forged: %q", got)
		}
		again, _, err := VerifySigned(der, roots, OrdersKeyUsage, when)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("does not verify twice: %v", err)
		}
	})
}

// Likewise of leases; an order of the same root, whole or in parts, is none.
func FuzzVerifyLease(f *testing.F) {
	root, err := x509.ParseCertificate(seed(f, seedLeaseRoot))
	if err != nil {
		f.Fatal(err)
	}
	roots := []*x509.Certificate{root}
	when := root.NotBefore.Add(30 * day)
	good, order := seed(f, seedLease), seed(f, seedOrder)
	want, err := VerifyLease(good, roots, when)
	if err != nil || string(want) != "lease 7 of registration 1, epoch 2" {
		f.Fatal("the lease does not verify")
	}
	if _, err := VerifyLease(order, roots, when); err != ErrSigned {
		f.Fatal("the order verifies as a lease")
	}
	if _, _, err := VerifySigned(order, roots, OrdersKeyUsage, when); err != nil {
		f.Fatal("the order does not verify as one")
	}
	f.Add(good)
	f.Add(order)
	f.Add(good[:len(good)/2])
	f.Add(indefinite(good))
	f.Add(deep(20))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		got, err := VerifyLease(der, roots, when)
		if err != nil {
			if err != ErrSigned || got != nil {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if !bytes.Equal(got, want) {
			t.Errorf("forged: %q", got)
		}
		if _, _, err := VerifySigned(der, roots, OrdersKeyUsage, when); err != ErrSigned {
			t.Errorf("a lease reads as an order: %v", err)
		}
	})
}

// Whatever is accepted reads the same when it is written again.
func FuzzParseCertificatesPEM(f *testing.F) {
	one := pemOf("CERTIFICATE", seed(f, seedRoot))
	f.Add(one)
	f.Add(append(append([]byte("\n"), one...), one...))
	f.Add(pemOf("PRIVATE KEY", []byte{0x30, 0}))
	f.Add(append([]byte("text\n"), one...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseCertificatesPEM(data, 4)
		if err != nil {
			return
		}
		if len(got) == 0 || len(got) > 4 || bytes.Count(data, pemBegin) != len(got) {
			t.Fatalf("%d certificates of %d blocks", len(got), bytes.Count(data, pemBegin))
		}
		var out []byte
		for _, c := range got {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})...)
		}
		again, err := ParseCertificatesPEM(out, 4)
		if err != nil || len(again) != len(got) {
			t.Fatalf("does not survive a round trip: %v", err)
		}
		for i := range got {
			if !again[i].Equal(got[i]) {
				t.Errorf("certificate %d changed", i+1)
			}
		}
	})
}
