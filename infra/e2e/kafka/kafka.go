// Package kafka starts a real Apache Kafka for tests: one KRaft node from the artifacts on Maven Central, with a plain
// listener and one with TLS and SASL, both on loopback. It needs java and, the first time, mvn.
// It is one node with single copies: it shows the protocol and restarts, not the loss of a replica.
package kafka

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/e2e/real"
)

//go:embed pom.xml
var pom []byte

//go:embed server.properties.tmpl
var properties string

//go:embed log4j2.properties
var logging []byte

const (
	user     = "offhook"
	password = "only-for-tests"
	startup  = 90 * time.Second
)

// Broker is a running node. It ends with the test that started it.
type Broker struct {
	Data                      string // its folder
	Plain, Secure, Controller int    // its ports
	User, Password, KeyStore  string

	dir     string
	lib     string
	roots   *x509.CertPool
	process *real.Process
}

// Start makes a new node and waits until it serves.
func Start(t *testing.T) *Broker {
	t.Helper()
	real.Need(t, "java")
	dir := t.TempDir()
	first := real.Port(t, 3)
	b := &Broker{
		Data: filepath.Join(dir, "data"), Plain: first, Secure: first + 1, Controller: first + 2,
		User: user, Password: password, KeyStore: filepath.Join(dir, "server.pem"), dir: dir, lib: artifacts(t),
	}
	pem, roots, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	b.roots = roots
	b.write(t, "server.pem", pem)
	b.write(t, "log4j2.properties", logging)
	b.writeProperties(t)
	b.format(t)
	b.Run(t)
	return b
}

func (b *Broker) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *Broker) writeProperties(t *testing.T) {
	t.Helper()
	var out strings.Builder
	if err := template.Must(template.New("").Parse(properties)).Execute(&out, b); err != nil {
		t.Fatal(err)
	}
	b.write(t, "server.properties", []byte(out.String()))
}

func (b *Broker) java(class string, args ...string) []string {
	return append([]string{
		"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", // quick to start on few cores
		"-cp", filepath.Join(b.lib, "*"),
		"-Dlog4j2.configurationFile=" + filepath.Join(b.dir, "log4j2.properties"), class,
	}, args...)
}

// format makes the node's storage and its SCRAM users.
func (b *Broker) format(t *testing.T) {
	t.Helper()
	args := []string{"format", "-t", "b2ZmaG9vay10ZXN0cy0wMQ", "-c", filepath.Join(b.dir, "server.properties")}
	for _, m := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", m, user, password))
	}
	if out, err := exec.Command("java", b.java("kafka.tools.StorageTool", args...)...).CombinedOutput(); err != nil {
		t.Fatalf("format: %v\n%s", err, out)
	}
}

// Run starts the node, again after Stop or Kill, and waits until it serves.
func (b *Broker) Run(t *testing.T) {
	t.Helper()
	b.process = real.Start(t, b.dir, "java", b.java("kafka.Kafka", filepath.Join(b.dir, "server.properties"))...)
	b.process.LineWithin(t, "Kafka Server started", startup)
}

// Stop ends the node in good order.
func (b *Broker) Stop() { b.process.Stop() }

// Kill ends the node at once.
func (b *Broker) Kill() { b.process.Kill() }

// Address of the plain listener.
func (b *Broker) Address() string { return fmt.Sprintf("127.0.0.1:%d", b.Plain) }

// Kafka reaches the plain listener.
func (b *Broker) Kafka() events.Kafka { return events.Kafka{Brokers: []string{b.Address()}} }

// SecureKafka reaches the listener with TLS, logging in by a mechanism of events.SASL.
func (b *Broker) SecureKafka(mechanism string) events.Kafka {
	return events.Kafka{
		Brokers: []string{fmt.Sprintf("127.0.0.1:%d", b.Secure)},
		TLS:     &tls.Config{RootCAs: b.roots, MinVersion: tls.VersionTLS12},
		SASL:    events.SASL{Mechanism: mechanism, Username: user, Password: password},
	}
}

// artifacts gives the folder of jars, copied once for each content of the pom.
func artifacts(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256(pom)
	lib := filepath.Join(cache(t), "kafka-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(lib); err == nil {
		return lib
	}
	real.Need(t, "mvn")
	work, err := os.MkdirTemp(cache(t), "copying-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mvn: %v\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(work, "lib"), lib); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return lib
}

// cache is infra/e2e/.cache, which git ignores.
func cache(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(dir, "infra", "e2e", ".cache")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
