package compliance

import "slices"

// mergePins takes the strictest value of each field, scope by scope.
func mergePins(asked map[PinScope][]PinRule) []PinRule {
	var merged []PinRule
	inOrder(asked, func(_ PinScope, rules []PinRule) {
		strictest := rules[0]
		for _, r := range rules[1:] {
			strictest = stricter(strictest, r)
		}
		merged = append(merged, strictest)
	})
	return merged
}

// stricter merges two rules of one scope.
func stricter(a, b PinRule) PinRule {
	return PinRule{
		Scope:                 a.Scope,
		Quality:               max(a.Quality, b.Quality),
		Complexity:            max(a.Complexity, b.Complexity),
		MinimumLength:         max(a.MinimumLength, b.MinimumLength),
		HistoryLength:         max(a.HistoryLength, b.HistoryLength),
		ExpiresAfterDays:      leastAsked(a.ExpiresAfterDays, b.ExpiresAfterDays),
		FailuresBeforeRemoval: leastAsked(a.FailuresBeforeRemoval, b.FailuresBeforeRemoval),
		InactivityLockSeconds: leastAsked(a.InactivityLockSeconds, b.InactivityLockSeconds),
	}
}

// leastAsked is the smaller of two limits, where 0 is no limit.
func leastAsked(a, b uint32) uint32 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// mergeRoots joins trusted roots. One name for two certificates is a conflict:
// a device could not say which of them it has.
func mergeRoots(c *compilation) []TrustedRoot {
	var merged []TrustedRoot
	inOrder(c.roots, func(name string, wishes []asked[TrustedRoot]) {
		first := wishes[0].value.CertificatePEM
		if slices.ContainsFunc(wishes[1:], func(w asked[TrustedRoot]) bool { return !sameCertificate(first, w.value.CertificatePEM) }) {
			c.conflict(rootSetting(name), "different certificates have this name", policiesOf(wishes))
			return
		}
		merged = append(merged, TrustedRoot{Name: name, CertificatePEM: plainPEM(first)})
	})
	return merged
}

// sameCertificate reports whether two PEM texts hold the same.
func sameCertificate(a, b string) bool { return a == b || rootDigest(a) == rootDigest(b) }

// mergeCertificates joins client certificates. Profiles of one alias must be
// the same: there is no stricter of two subjects.
func mergeCertificates(c *compilation) []CertificateProfile {
	var merged []CertificateProfile
	inOrder(c.certificates, func(alias string, wishes []asked[CertificateProfile]) {
		if !agree(wishes, appendCertificate) {
			c.conflict(certificateSetting(alias), "the profiles with this alias differ", policiesOf(wishes))
			return
		}
		merged = append(merged, wishes[0].value)
	})
	return merged
}
