package lambdatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/offhook/offhook/events"
)

// record is one record of a Kafka event source mapping's payload.
type record struct {
	Topic         string             `json:"topic"`
	Partition     int                `json:"partition"`
	Offset        int64              `json:"offset"`
	Timestamp     int64              `json:"timestamp"`
	TimestampType string             `json:"timestampType"`
	Key           string             `json:"key"`
	Value         string             `json:"value"`
	Headers       []map[string][]int `json:"headers"`
}

// Batch is the payload that a Kafka event source mapping would send for these events.
func Batch(list ...events.Delivered) ([]byte, error) {
	records := map[string][]record{}
	for _, d := range list {
		topic := d.Topic
		if topic == "" {
			topic = events.TopicCalls
		}
		name := fmt.Sprintf("%s-%d", topic, d.Partition)
		records[name] = append(records[name], record{
			Topic: topic, Partition: d.Partition, Offset: d.Offset, Timestamp: d.Time.UnixMilli(), TimestampType: "CREATE_TIME",
			Key: base64.StdEncoding.EncodeToString([]byte(d.Key)), Value: base64.StdEncoding.EncodeToString(d.Data),
			Headers: []map[string][]int{
				header("ce_specversion", "1.0"), header("ce_id", d.ID), header("ce_type", d.Type), header("ce_source", d.Source),
				header("ce_subject", d.Subject), header("ce_time", d.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")),
				header("content-type", "application/json"),
			},
		})
	}
	return json.Marshal(map[string]any{"eventSource": "SelfManagedKafka", "bootstrapServers": "kafka:9092", "records": records})
}

// header has its value as signed bytes, as the mapping sends it.
func header(name, value string) map[string][]int {
	list := make([]int, 0, len(value))
	for _, b := range []byte(value) {
		list = append(list, int(int8(b)))
	}
	return map[string][]int{name: list}
}

// URLRequest is the payload of a Function URL's request.
func URLRequest(method, path string, body []byte, headers map[string]string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": headers,
		"body": base64.StdEncoding.EncodeToString(body), "isBase64Encoded": true,
		"requestContext": map[string]any{
			"domainName": "local.lambda-url.test", "http": map[string]any{"method": method, "path": path, "sourceIp": "127.0.0.1"},
		},
	})
}

// Response is what a Function URL in the mode RESPONSE_STREAM makes of a result: a JSON prelude, eight zero bytes, the body.
func (r Result) Response() (status int, header http.Header, body []byte, err error) {
	prelude, body, found := bytes.Cut(r.Body, make([]byte, 8))
	if r.Failed || !found {
		return 0, nil, nil, fmt.Errorf("no streamed response: %s", r.Body)
	}
	var p struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(prelude, &p); err != nil {
		return 0, nil, nil, err
	}
	header = http.Header{}
	for k, v := range p.Headers {
		header.Set(k, v)
	}
	return p.StatusCode, header, body, nil
}
