package appsdk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/answer"
	"ringfence/agent/wipe"
	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	maxOrders = 100
	// step is the one step of every order that an app carries out.
	step = "account"
)

func isFinished(err error) bool { return errors.Is(err, errFinished) }

// reporter is the server as orders are answered to it.
type reporter struct {
	client wipev1.WipeServiceClient
	key    *signer
}

// SignAsDevice signs by the key of the app's certificate.
func (r reporter) SignAsDevice(content []byte) ([]byte, error) { return r.key.statement(content) }

// ReportOrder is the call of mdm.wipe.v1.
func (r reporter) ReportOrder(ctx context.Context, m *wipev1.ReportOrderRequest, o ...grpc.CallOption) (*wipev1.ReportOrderResponse, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	return r.client.ReportOrder(ctx, m, o...)
}

// orders fetches and carries out orders. errFinished once one has taken the
// account and the server has the receipt.
func (s *SDK) orders(ctx context.Context, conn *grpc.ClientConn) error {
	r, err := s.registration()
	if err != nil {
		return err
	}
	key, err := s.signer(r.Current.Key)
	if err != nil {
		return err
	}
	via := reporter{wipev1.NewWipeServiceClient(conn), key}
	bounded, cancel := call(ctx)
	response, err := via.client.FetchOrders(bounded, &wipev1.FetchOrdersRequest{})
	cancel()
	if err != nil {
		return fmt.Errorf("fetch orders: %w", err)
	}
	given := response.GetOrders()
	mine, err := s.mine(ctx, via, given[:min(len(given), maxOrders)])
	if err != nil {
		return err
	}
	if _, err := s.wiper.Execute(ctx, via, wipe.Fetched{Orders: mine}); err != nil {
		return fmt.Errorf("carry out orders: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.Gone == nil || s.st.Gone.Cause != ordered || !s.st.Gone.Done || s.st.Journal.Current != nil {
		return nil
	}
	return errors.Join(s.forget(ordered), errFinished)
}

// mine leaves out the orders that are this registration's and ask for anything
// but the data of this very app: they have no code here, and the server is told
// so. What does not hold stays, for the executor to refuse.
func (s *SDK) mine(ctx context.Context, via reporter, given []*wipev1.SignedOrder) ([]*wipev1.SignedOrder, error) {
	e, err := account{s}.Enrollment()
	if err != nil {
		return nil, err
	}
	var mine []*wipev1.SignedOrder
	for _, o := range given {
		m := &wipev1.OrderToSign{}
		content, _, err := pki.VerifySigned(o.GetSignedData(), e.Roots, pki.OrdersKeyUsage, s.wallNow())
		foreign := err != nil || proto.Unmarshal(content, m) != nil || m.GetDeviceId() != e.DeviceID ||
			m.GetEpoch() != e.Epoch || m.GetOrderId() != o.GetOrderId()
		if foreign || slices.Equal(m.GetScope().GetAppData().GetPackages(), []string{s.o.Package}) {
			mine = append(mine, o)
			continue
		}
		s.line("an order asks for something that is not this app's")
		_, err = via.ReportOrder(ctx, &wipev1.ReportOrderRequest{OrderId: o.GetOrderId(), Report: &wipev1.ReportOrderRequest_Failed{
			Failed: &wipev1.Failed{Reason: "an app takes its own work account and nothing else"},
		}})
		if err != nil && !answer.Final(err) {
			return nil, err
		}
	}
	return mine, nil
}
