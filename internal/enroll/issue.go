package enroll

import (
	"crypto/x509/pkix"
	"fmt"
	"time"

	"ringfence/internal/device"
)

// The lives of certificates.
const (
	DefaultDeviceLifetime = 90 * 24 * time.Hour
	DefaultAdminLifetime  = 365 * 24 * time.Hour

	// backdate lets a phone whose clock is a day slow see its certificate as
	// valid. It gives nobody anything: what counts is the device record.
	backdate = 25 * time.Hour
)

// Template is what a certificate is to hold. Nothing in it is the requester's
// but the key.
type Template struct {
	PublicKey any
	Subject   pkix.Name
	// URI is the one subject alternative name; empty for none.
	URI                 string
	NotBefore, NotAfter time.Time
}

// Issued is a certificate as its issuer gave it.
type Issued struct {
	// Chain is DER, leaf first, without the root.
	Chain [][]byte
	// Serial is lower-case hex.
	Serial string
	// IssuedAt is by the server's clock, without the backdating.
	IssuedAt time.Time
	// ExpiresAt may be earlier than was asked for.
	ExpiresAt time.Time
	// Key and Request are the hashes of the public key and of the certificate
	// request.
	Key, Request Digest
}

// Certificate gives what a device record keeps of it.
func (i Issued) Certificate() Certificate {
	return Certificate{Serial: i.Serial, ExpiresAt: i.ExpiresAt}
}

// RenewAfter is when the phone should ask for the next one: after two thirds
// of its life.
func (i Issued) RenewAfter() time.Time { return RenewAfter(i.IssuedAt, i.ExpiresAt) }

// RenewAfter is two thirds of the way from one time to another.
func RenewAfter(issued, expires time.Time) time.Time {
	return issued.Add(expires.Sub(issued) / 3 * 2).Truncate(time.Second)
}

// DeviceTemplate is the certificate of one epoch of a device. The epoch is in
// it for whoever reads it elsewhere, a VPN gateway for example; here the serial
// number decides.
func DeviceTemplate(id device.ID, epoch device.Epoch, key any, now time.Time, life time.Duration) Template {
	return Template{
		PublicKey: key,
		Subject: pkix.Name{
			CommonName:         string(id),
			OrganizationalUnit: []string{fmt.Sprintf("epoch %d", epoch)},
		},
		URI:       fmt.Sprintf("urn:ringfence:device:%s:epoch:%d", id, epoch),
		NotBefore: now.Add(-backdate),
		NotAfter:  now.Add(life),
	}
}

// AdminTemplate is the certificate of an administrator.
func AdminTemplate(name string, key any, now time.Time, life time.Duration) Template {
	return Template{
		PublicKey: key,
		Subject:   pkix.Name{CommonName: name},
		URI:       "urn:ringfence:administrator:" + name,
		NotBefore: now.Add(-backdate),
		NotAfter:  now.Add(life),
	}
}
