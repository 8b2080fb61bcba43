package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/offhook/offhook/functions/fn"
)

// Store is the database of calls. It is safe for concurrent use.
type Store struct {
	write, read *sql.DB
	postgres    bool
	file        string      // else
	tables      atomic.Bool // they are there
}

// connectTime is how long a server may take that does not answer at all, unless its URL says (connect_timeout),
// and the first try in any case: other functions wait for it.
const connectTime = 5 * time.Second

// schema is the same for both databases. Times are unix milliseconds.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS calls (
		id TEXT PRIMARY KEY,
		tenant TEXT NOT NULL,
		seq BIGINT NOT NULL,
		direction TEXT, caller TEXT, caller_name TEXT, called TEXT, trunk TEXT, user_name TEXT,
		agent TEXT, agent_name TEXT,
		created_at BIGINT NOT NULL, answered_at BIGINT, bridged_at BIGINT, ended_at BIGINT,
		duration_ms BIGINT, talk_ms BIGINT,
		cause_class TEXT, cause_reason TEXT, cause_sip BIGINT, ended_by TEXT,
		legs TEXT)`,
	`CREATE TABLE IF NOT EXISTS call_agents (
		call_id TEXT NOT NULL, agent TEXT NOT NULL, tenant TEXT NOT NULL,
		PRIMARY KEY (call_id, agent))`,
	`CREATE INDEX IF NOT EXISTS calls_time ON calls (tenant, created_at, id)`,
	`CREATE INDEX IF NOT EXISTS calls_all_time ON calls (created_at, id)`,
	`CREATE INDEX IF NOT EXISTS calls_by_caller ON calls ((` + country("caller") + `), tenant, created_at, id)`,
	`CREATE INDEX IF NOT EXISTS calls_by_called ON calls ((` + country("called") + `), tenant, created_at, id)`,
	`CREATE INDEX IF NOT EXISTS calls_by_agent ON call_agents (agent, tenant, call_id)`,
	// of versions before
	`DROP INDEX IF EXISTS calls_caller`, `DROP INDEX IF EXISTS calls_called`, `DROP INDEX IF EXISTS call_agents_agent`,
}

// Open opens the database, postgres://... or a file's path, and makes its tables if need be. A PostgreSQL server that is
// away is no error: the tables are made once it is there. absent says why it is.
func Open(ctx context.Context, where string) (s *Store, absent, err error) {
	shown := where
	if strings.Contains(where, "://") {
		shown = "history.database" // what stands there may be a password
	}
	if s, err = connect(where); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", shown, err)
	}
	first, cancel := ctx, func() {}
	if s.postgres { // a file answers, if only when it has made an index of millions of calls
		first, cancel = context.WithTimeout(ctx, connectTime)
	}
	defer cancel()
	switch err = s.prepare(first); {
	case err == nil:
		return s, nil, nil
	case s.away(err):
		return s, err, nil
	}
	return nil, nil, errors.Join(fmt.Errorf("%s: %w", shown, err), s.Close())
}

// away: a server does not answer, or not yet. What it says of a wrong password or a database that it has not got is no such thing.
func (s *Store) away(err error) bool {
	pg, answered := errors.AsType[*pgconn.PgError](err)
	return s.postgres && (!answered || slices.ContainsFunc([]string{"08", "53", "57"}, func(class string) bool { return strings.HasPrefix(pg.Code, class) }))
}

func connect(where string) (*Store, error) {
	if isPostgres(where) {
		c, err := pgx.ParseConfig(where)
		if err != nil { // its text may show the password
			return nil, errors.New("cannot be read; expected a URL such as postgres://user:password@host:5432/name")
		}
		if c.ConnectTimeout == 0 {
			c.ConnectTimeout = connectTime
		}
		db := stdlib.OpenDB(*c)
		db.SetMaxOpenConns(8)
		return &Store{write: db, read: db, postgres: true}, nil
	}
	if scheme, _, isURL := strings.Cut(where, "://"); isURL {
		return nil, fmt.Errorf("expected a file or a postgres:// URL, found one of %s://", filepath.Base(scheme))
	}
	w, err := openFile(where, "synchronous(FULL)", "journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1) // SQLite has one writer; waiting here is fairer than in its lock
	r, err := openFile(where, "query_only(true)")
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(4)
	return &Store{write: w, read: r, file: where}, nil
}

func openFile(path string, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_pragma": append(pragmas, "busy_timeout(5000)")}
	name := &url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return sql.Open("sqlite", name.String())
}

// prepare makes the tables, once.
func (s *Store) prepare(ctx context.Context) error {
	if s.tables.Load() {
		return nil
	}
	if s.file != "" {
		if err := fn.PrivateFile(s.file); err != nil {
			return err
		}
	}
	err := s.migrate(ctx)
	s.tables.Store(err == nil)
	return err
}

// migrate makes the tables. Several processes may start at once: PostgreSQL's IF NOT EXISTS alone would collide.
func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if s.postgres {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7236341)`); err != nil {
			return err
		}
	}
	for _, statement := range schema {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Close closes the database.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(s.read.Close(), err)
	}
	return err
}

// sql gives a statement in the database's own placeholders: ? or $1, $2 ...
func (s *Store) sql(statement string) string {
	if !s.postgres {
		return statement
	}
	var b strings.Builder
	n := 0
	for _, c := range statement {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// upsert adds what another event of the call knows, whichever order they come in, and however often. The caller is who the
// earliest event says, the agent who the latest does; their names go with them. The first answer and the first bridge count.
const upsert = `INSERT INTO calls (id, tenant, seq, direction, caller, caller_name, called, trunk, user_name, agent, agent_name,
	created_at, answered_at, bridged_at, ended_at, duration_ms, talk_ms, cause_class, cause_reason, cause_sip, ended_by, legs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET seq = CASE WHEN ` + later + ` THEN excluded.seq ELSE calls.seq END,
	direction = COALESCE(calls.direction, excluded.direction),
	caller = CASE WHEN ` + callerKnown + ` THEN calls.caller ELSE excluded.caller END,
	caller_name = CASE WHEN ` + callerKnown + ` THEN calls.caller_name ELSE excluded.caller_name END,
	called = CASE WHEN ` + later + ` THEN COALESCE(excluded.called, calls.called) ELSE COALESCE(calls.called, excluded.called) END,
	trunk = COALESCE(calls.trunk, excluded.trunk), user_name = COALESCE(calls.user_name, excluded.user_name),
	agent = CASE WHEN ` + agentKnown + ` THEN calls.agent ELSE excluded.agent END,
	agent_name = CASE WHEN ` + agentKnown + ` THEN calls.agent_name ELSE excluded.agent_name END,
	created_at = CASE WHEN excluded.created_at < calls.created_at THEN excluded.created_at ELSE calls.created_at END,
	answered_at = CASE WHEN calls.answered_at IS NULL OR excluded.answered_at < calls.answered_at THEN excluded.answered_at ELSE calls.answered_at END,
	bridged_at = CASE WHEN calls.bridged_at IS NULL OR excluded.bridged_at < calls.bridged_at THEN excluded.bridged_at ELSE calls.bridged_at END,
	ended_at = COALESCE(excluded.ended_at, calls.ended_at), duration_ms = COALESCE(excluded.duration_ms, calls.duration_ms),
	talk_ms = COALESCE(excluded.talk_ms, calls.talk_ms), cause_class = COALESCE(excluded.cause_class, calls.cause_class),
	cause_reason = COALESCE(excluded.cause_reason, calls.cause_reason), cause_sip = COALESCE(excluded.cause_sip, calls.cause_sip),
	ended_by = COALESCE(excluded.ended_by, calls.ended_by), legs = COALESCE(excluded.legs, calls.legs)
WHERE excluded.tenant = calls.tenant`

// The last event tells when the call began, as the first does, so that seq decides between these two.
const (
	later       = `excluded.seq > calls.seq`
	earlier     = `(excluded.created_at < calls.created_at OR excluded.created_at = calls.created_at AND excluded.seq < calls.seq)`
	callerKnown = `calls.caller IS NOT NULL AND (excluded.caller IS NULL OR NOT ` + earlier + `)`
	agentKnown  = `excluded.agent IS NULL OR calls.agent IS NOT NULL AND NOT ` + later
)

const addAgent = `INSERT INTO call_agents (call_id, agent, tenant) SELECT id, ?, tenant FROM calls WHERE id = ? AND tenant = ?
ON CONFLICT (call_id, agent) DO NOTHING`

// apply writes rows in one transaction.
func (s *Store) apply(ctx context.Context, rows []*row) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	put, err := tx.PrepareContext(ctx, s.sql(upsert))
	if err != nil {
		return err
	}
	defer put.Close()
	for _, r := range rows {
		if _, err := put.ExecContext(ctx, r.id, r.tenant, r.seq, r.direction, r.caller, r.callerName, r.called, r.trunk, r.user, r.agent, r.agentName,
			r.created, r.answered, r.bridged, r.ended, r.duration, r.talk, r.class, r.reason, r.sip, r.endedBy, r.legs); err != nil {
			return err
		}
		for _, a := range r.agents {
			if _, err := tx.ExecContext(ctx, s.sql(addAgent), a, r.id, r.tenant); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
