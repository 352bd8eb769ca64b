package compliance

import (
	"encoding/binary"
	"maps"
	"slices"
)

// The canonical encoding: every number as a varint, every text and list with
// its length before it, so that different content never gives the same bytes.
// It is only ever hashed and compared, never read back.

func appendNumber[N ~uint8 | ~uint32 | ~uint64 | ~int](b []byte, n N) []byte {
	return binary.AppendUvarint(b, uint64(n))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = appendNumber(b, len(list))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendList[T any](b []byte, list []T, each func([]byte, T) []byte) []byte {
	b = appendNumber(b, len(list))
	for _, item := range list {
		b = each(b, item)
	}
	return b
}

func appendPin(b []byte, p PinRule) []byte {
	b = appendNumber(b, p.Scope)
	b = appendNumber(b, p.Quality)
	b = appendNumber(b, p.Complexity)
	b = appendNumber(b, p.MinimumLength)
	b = appendNumber(b, p.HistoryLength)
	b = appendNumber(b, p.ExpiresAfterDays)
	b = appendNumber(b, p.FailuresBeforeRemoval)
	return appendNumber(b, p.InactivityLockSeconds)
}

func appendRoot(b []byte, r TrustedRoot) []byte {
	return appendText(appendText(b, r.Name), r.CertificatePEM)
}

func appendCertificate(b []byte, c CertificateProfile) []byte {
	b = appendText(b, c.Alias)
	b = appendText(b, c.CommonName)
	b = appendText(b, c.Organization)
	b = appendTexts(b, c.SANDNSNames)
	b = appendTexts(b, c.SANEmailAddresses)
	b = appendTexts(b, c.SANURIs)
	b = appendNumber(b, c.KeyType)
	b = appendNumber(b, c.ValidityDays)
	b = appendList(b, c.ExtendedKeyUsages, appendNumber[ExtendedKeyUsage])
	return appendNumber(b, c.RenewalThresholdPercent)
}

func appendVPN(b []byte, v VPNRule) []byte {
	b = appendVPNIdentity(b, v)
	b = appendFlag(b, v.AlwaysOn)
	b = appendFlag(b, v.Lockdown)
	b = appendTexts(b, v.AllowedPackages)
	return appendTexts(b, v.DeniedPackages)
}

// appendVPNIdentity encodes what rules for one connection must agree on.
func appendVPNIdentity(b []byte, v VPNRule) []byte {
	b = appendText(b, v.Name)
	b = appendText(b, v.ProviderPackage)
	b = appendList(b, v.Servers, func(b []byte, s VPNServer) []byte {
		return appendText(appendText(b, s.Address), s.Description)
	})
	b = appendText(b, v.CertificateAlias)
	b = appendNumber(b, len(v.ProviderSettings))
	for _, key := range slices.Sorted(maps.Keys(v.ProviderSettings)) {
		b = appendText(appendText(b, key), v.ProviderSettings[key])
	}
	return b
}

func appendAssignment(b []byte, a Assignment) []byte {
	return appendFlag(appendText(appendNumber(b, a.Kind), a.Name), a.Exclude)
}

func appendLease(b []byte, l Lease) []byte {
	b = appendNumber(b, l.Number)
	b = appendNumber(b, uint64(max(0, l.LockAfter)))
	return appendNumber(b, uint64(max(0, l.WipeAfter)))
}

// appendRevokedKey encodes what the device is told.
func appendRevokedKey(b []byte, k RevokedKey) []byte {
	return appendText(appendText(b, k.Alias), k.SHA256)
}

func appendConflict(b []byte, c Conflict) []byte {
	return appendText(appendTexts(appendText(b, c.Setting), c.Policies), c.Detail)
}
