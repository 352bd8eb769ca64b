package appsdk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	"ringfence/agent/trust"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// errReconnect asks for a new connection at once: the credential has changed.
var errReconnect = errors.New("the app's certificate has changed: connect again")

// registration gives the registration while it lasts.
func (s *SDK) registration() (registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.lasting()
}

// ready gives a connection whose credential has been used: the newest.
func (s *SDK) ready(ctx context.Context) (*grpc.ClientConn, error) {
	r, err := s.registration()
	if err != nil {
		return nil, err
	}
	if r.Next == nil || len(r.Next.Chain) == 0 || r.Next.expired(s.wallNow()) {
		return s.dialAs(r, r.Current)
	}
	conn, err := s.dialAs(r, *r.Next)
	if err != nil {
		return nil, err
	}
	if err := s.confirm(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// confirm uses a renewed certificate for the first time. Once the server has
// taken it the old one goes; if the server does not know it, it goes itself.
// Silence changes nothing.
func (s *SDK) confirm(ctx context.Context, conn *grpc.ClientConn) error {
	bounded, cancel := call(ctx)
	defer cancel()
	_, answered := wipev1.NewWipeServiceClient(conn).FetchOrders(bounded, &wipev1.FetchOrdersRequest{})
	if answered != nil && !answer.Unknown(answered) {
		return answered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.change(func(st *state) error {
		r := st.Registration
		if r == nil || r.Next == nil {
			return errReconnect
		}
		if answered == nil {
			st.Spent, r.Current = append(st.Spent, r.Current.Key), *r.Next
		} else {
			st.Spent = append(st.Spent, r.Next.Key)
		}
		r.Next = nil
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.destroySpent(); err != nil {
		return err
	}
	if answered != nil {
		return errReconnect
	}
	return nil
}

// renew asks for the next certificate if it is time, with a new key. It returns
// errReconnect when there is one to use.
func (s *SDK) renew(ctx context.Context, conn *grpc.ClientConn) error {
	r, err := s.registration()
	if err != nil {
		return err
	}
	now := s.wallNow()
	if now.Before(r.Current.RenewAfter) {
		return nil
	}
	if r.Next == nil {
		r.Next = &credential{Key: s.newKeyName()}
		if err := s.setNext(*r.Next); err != nil {
			return err
		}
	}
	key, request, err := s.keyAndRequest(r.Next.Key)
	if err != nil {
		return err
	}
	bounded, cancel := call(ctx)
	defer cancel()
	response, err := appprotectv1.NewAppServiceClient(conn).Renew(bounded, &appprotectv1.RenewRequest{CertificateRequest: request})
	if err != nil {
		return fmt.Errorf("renew the app's certificate: %w", err)
	}
	after, err := trust.CheckChain(response.GetCertificateChain(), key.Public(), response.GetRenewAfter().AsTime(), now)
	if err != nil {
		return err
	}
	next := credential{Key: r.Next.Key, Chain: response.GetCertificateChain(), RenewAfter: after}
	if err := s.setNext(next); err != nil {
		return err
	}
	return errReconnect
}

func (s *SDK) setNext(next credential) error {
	return s.locked(func(st *state) error {
		if st.Registration == nil {
			return ErrNotRegistered
		}
		st.Registration.Next = &next
		return nil
	})
}

// expired reports whether the certificate's time is over.
func (c credential) expired(now time.Time) bool {
	if len(c.Chain) == 0 {
		return false
	}
	leaf, err := x509.ParseCertificate(c.Chain[0])
	return err == nil && now.After(leaf.NotAfter)
}
