package email

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/offhook/offhook/functions/fn"
)

// States of a mail.
const (
	stateQueued      = "queued"
	stateCommitting  = "committing"  // its dot is being sent
	stateSent        = "sent"        // the server has taken it
	stateUnconfirmed = "unconfirmed" // was committing when the process ended; not sent again
	stateFailed      = "failed"      // given up
)

// keep is how long ended mails are remembered; the log itself forgets events sooner.
const keep = 30 * 24 * time.Hour

const outboxSchema = `
CREATE TABLE IF NOT EXISTS mails (
	id TEXT PRIMARY KEY,
	state TEXT NOT NULL,
	letter BLOB NOT NULL,
	tries INTEGER NOT NULL DEFAULT 0,
	queued INTEGER NOT NULL, -- unix ms, as all times here
	due INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	note TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mails_due ON mails (state, due);
`

// outbox keeps every mail from its event until long after it was sent. Each change is on the disk when the call returns.
type outbox struct{ db *sql.DB }

// errStuck says that the outbox could not be read or written: a mail in it is still due.
var errStuck = errors.New("outbox")

func stuck(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errStuck, err)
}

// waiting is a mail in the queue.
type waiting struct {
	letter letter
	tries  int
	queued time.Time
}

// openOutbox opens or makes the file; one process at a time has it. lost are the mails whose end nobody knows.
func openOutbox(path string) (b *outbox, lost []string, err error) {
	if err := fn.PrivateFile(path); err != nil {
		return nil, nil, err
	}
	// The exclusive lock keeps a second process from sending the same mails.
	q := url.Values{"_pragma": {"locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(2000)"}}
	name := &url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	b = &outbox{db: db}
	if _, err = db.Exec(outboxSchema); err == nil {
		lost, err = b.settle(time.Now())
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w (does another process have it?)", path, err), db.Close())
	}
	return b, lost, nil
}

func (b *outbox) close() error { return b.db.Close() }

// forget drops mails that ended long ago.
func (b *outbox) forget(ctx context.Context, now time.Time) error {
	_, err := b.db.ExecContext(ctx, `DELETE FROM mails WHERE state IN (?, ?, ?) AND changed < ?`,
		stateSent, stateUnconfirmed, stateFailed, now.Add(-keep).UnixMilli())
	return err
}

// settle decides what a crash left open.
func (b *outbox) settle(now time.Time) ([]string, error) {
	rows, err := b.db.Query(`UPDATE mails SET state = ?, changed = ? WHERE state = ? RETURNING id`, stateUnconfirmed, now.UnixMilli(), stateCommitting)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lost []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		lost = append(lost, id)
	}
	return lost, rows.Err()
}

// add queues a letter; false when its event was here before.
func (b *outbox) add(ctx context.Context, l letter, now time.Time) (bool, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return false, err
	}
	ms := now.UnixMilli()
	res, err := b.db.ExecContext(ctx, `INSERT OR IGNORE INTO mails (id, state, letter, queued, due, changed) VALUES (?, ?, ?, ?, ?, ?)`,
		l.ID, stateQueued, raw, ms, ms, ms)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// due lists queued mails whose time has come, the oldest first.
func (b *outbox) due(ctx context.Context, now time.Time, most int) ([]string, error) {
	rows, err := b.db.QueryContext(ctx, `SELECT id FROM mails WHERE state = ? AND due <= ? ORDER BY due LIMIT ?`, stateQueued, now.UnixMilli(), most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// next is when the next mail is due; false when none is queued.
func (b *outbox) next(ctx context.Context) (time.Time, bool, error) {
	var ms sql.NullInt64
	if err := b.db.QueryRowContext(ctx, `SELECT min(due) FROM mails WHERE state = ?`, stateQueued).Scan(&ms); err != nil {
		return time.Time{}, false, err
	}
	return time.UnixMilli(ms.Int64), ms.Valid, nil
}

// get is a queued mail; false when it is not queued (any more).
func (b *outbox) get(ctx context.Context, id string) (waiting, bool, error) {
	var w waiting
	var raw []byte
	var queued int64
	err := b.db.QueryRowContext(ctx, `SELECT letter, tries, queued FROM mails WHERE id = ? AND state = ?`, id, stateQueued).Scan(&raw, &w.tries, &queued)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return w, false, nil
	case err != nil:
		return w, false, stuck(err)
	}
	w.queued = time.UnixMilli(queued)
	return w, true, stuck(json.Unmarshal(raw, &w.letter))
}

// end puts a mail into another state than queued.
func (b *outbox) end(ctx context.Context, id, state, note string) error {
	_, err := b.db.ExecContext(ctx, `UPDATE mails SET state = ?, note = ?, changed = ? WHERE id = ?`, state, note, time.Now().UnixMilli(), id)
	return stuck(err)
}

// lose settles a mail that is being handed over; false when it is not.
func (b *outbox) lose(ctx context.Context, id string) (bool, error) {
	res, err := b.db.ExecContext(ctx, `UPDATE mails SET state = ?, changed = ? WHERE id = ? AND state = ?`, stateUnconfirmed, time.Now().UnixMilli(), id, stateCommitting)
	if err != nil {
		return false, stuck(err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// again queues a mail for a later try, to the recipients in l.
func (b *outbox) again(ctx context.Context, l letter, due time.Time, note string) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = b.db.ExecContext(ctx, `UPDATE mails SET state = ?, letter = ?, tries = tries + 1, due = ?, note = ?, changed = ? WHERE id = ?`,
		stateQueued, raw, due.UnixMilli(), note, time.Now().UnixMilli(), l.ID)
	return stuck(err)
}
