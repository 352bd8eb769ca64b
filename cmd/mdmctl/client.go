package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"ringfence/internal/ctlconfig"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// maxAnswer bounds one answer: a page of policies with certificates in them, or
// a long revocation list.
const maxAnswer = 64 << 20

// client is the server's administrators' side.
type client struct {
	enroll     enrollv1.EnrollmentAdminServiceClient
	compliance compliancev1.ComplianceAdminServiceClient
	wipe       wipev1.WipeAdminServiceClient
	requests   wipev1.WipeRequestServiceClient
	company    wipev1.CompanyDeviceAdminServiceClient
	audit      auditv1.AuditServiceClient
	apps       appprotectv1.AppAdminServiceClient
	doors      accessv1.AccessServiceClient
	access     accessv1.AccessAdminServiceClient
	oauth      oauthv1.OAuthAdminServiceClient
	transmit   transmitv1.TransmitAdminServiceClient

	context    ctlconfig.Context
	connection *grpc.ClientConn
}

// connect makes a client for the chosen context. It does not dial yet: the first
// call does, and fails at once where the server cannot be reached.
func (a *app) connect() (*client, error) {
	x, err := a.context()
	if err != nil {
		return nil, err
	}
	address, err := x.Address()
	if err != nil {
		return nil, usageError{err}
	}
	config, err := tlsConfig(x)
	if err != nil {
		return nil, usagef("context %q: %w", x.Name, err)
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithUserAgent("mdmctl/"+version),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithUnaryInterceptor(callTimeout(a.callTime())))
	if err != nil {
		return nil, usageError{err}
	}
	return &client{
		enroll:     enrollv1.NewEnrollmentAdminServiceClient(connection),
		compliance: compliancev1.NewComplianceAdminServiceClient(connection),
		wipe:       wipev1.NewWipeAdminServiceClient(connection),
		requests:   wipev1.NewWipeRequestServiceClient(connection),
		company:    wipev1.NewCompanyDeviceAdminServiceClient(connection),
		audit:      auditv1.NewAuditServiceClient(connection),
		apps:       appprotectv1.NewAppAdminServiceClient(connection),
		doors:      accessv1.NewAccessServiceClient(connection),
		access:     accessv1.NewAccessAdminServiceClient(connection),
		oauth:      oauthv1.NewOAuthAdminServiceClient(connection),
		transmit:   transmitv1.NewTransmitAdminServiceClient(connection),
		context:    x,
		connection: connection,
	}, nil
}

func (c *client) close() { _ = c.connection.Close() } // nothing is left to send

// callTime is the longest time of a single call.
func (a *app) callTime() time.Duration {
	if a.waits {
		return defaultTimeout
	}
	return a.timeout
}

func callTimeout(d time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return call(ctx, method, req, reply, cc, opts...)
	}
}

func tlsConfig(x ctlconfig.Context) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(x.CA)) {
		return nil, errors.New("ca holds no certificate")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}
	if x.Certificate == "" && x.Key == "" {
		return config, nil // the server will say that it wants one
	}
	pair, err := tls.X509KeyPair([]byte(x.Certificate), []byte(x.Key))
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// pins gives "sha256:" and the hex SHA-256 of the DER of each root in a PEM text.
func pins(roots string) []string {
	var out []string
	rest := []byte(roots)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return out
		}
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			sum := sha256.Sum256(block.Bytes)
			out = append(out, "sha256:"+hex.EncodeToString(sum[:]))
		}
	}
}

// requestKey gives the chosen key, or a new one.
func requestKey(chosen string) string {
	if chosen != "" {
		return chosen
	}
	return "mdmctl-" + rand.Text()
}
