package eventstest

import (
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/offhook/offhook/events"
)

// produceForeign writes as a client that is not ours would.
func (e *env) produceForeign(m kafka.Message) {
	e.t.Helper()
	mechanism, err := login(e.kafka.SASL)
	if err != nil {
		e.t.Fatal(err)
	}
	tr := &kafka.Transport{Dial: e.kafka.Dial, TLS: e.kafka.TLS, SASL: mechanism}
	defer tr.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(e.kafka.Brokers...), Transport: tr, BatchSize: 1,
		RequiredAcks: kafka.RequireAll, Balancer: kafka.Murmur2Balancer{},
	}
	if err := w.WriteMessages(e.ctx, m); err != nil {
		e.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		e.t.Fatal(err)
	}
}

func login(s events.SASL) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
}
