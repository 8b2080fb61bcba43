package history

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// Limits of a Query.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// ErrCursor says that a cursor is none of ours.
var ErrCursor = errors.New("unknown cursor")

// Query chooses calls; empty fields choose all. The newest come first.
type Query struct {
	Tenant   string
	Caller   string    // a telephone number is found as +371..., 00371... and 371..., whichever is asked for
	Called   string    // as Caller
	Agent    string    // a user or number that spoke with the caller
	From, To time.Time // created at or after From, and before To
	Limit    int       // default DefaultLimit, at most MaxLimit
	Cursor   string    // Page.Next of the page before
}

// Page is a part of the calls chosen.
type Page struct {
	Calls []Call `json:"calls"`
	Next  string `json:"next,omitempty"` // cursor of the next page; empty: this was the last
}

// Call is one call. What is not known (yet) is absent: a call without EndedAt goes on, or its end has not come.
type Call struct {
	ID         string   `json:"id"`
	Tenant     string   `json:"tenant"`
	Direction  string   `json:"direction,omitempty"`
	Caller     string   `json:"caller"`
	CallerName string   `json:"caller_name,omitempty"`
	Called     string   `json:"called"`
	Trunk      string   `json:"trunk,omitempty"`
	User       string   `json:"user,omitempty"`
	Agent      string   `json:"agent,omitempty"` // the last
	AgentName  string   `json:"agent_name,omitempty"`
	Agents     []string `json:"agents"` // all, by name
	Times
	Cause   *event.Cause    `json:"cause,omitempty"`
	EndedBy string          `json:"ended_by,omitempty"`
	Legs    json.RawMessage `json:"legs,omitempty"` // []event.LegEnd
}

// Times of a call.
type Times struct {
	CreatedAt  time.Time  `json:"created_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	BridgedAt  *time.Time `json:"bridged_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	DurationMS int64      `json:"duration_ms"`
	TalkMS     int64      `json:"talk_ms"`
}

const columns = `id, tenant, direction, caller, caller_name, called, trunk, user_name, agent, agent_name,
	created_at, answered_at, bridged_at, ended_at, duration_ms, talk_ms, cause_class, cause_reason, cause_sip, ended_by, legs`

// Calls gives a page of calls. The error is ErrCursor, or the database's.
func (s *Store) Calls(ctx context.Context, q Query) (Page, error) {
	where, args, err := s.where(q)
	if err != nil {
		return Page{}, err
	}
	limit := q.limit()
	calls, err := s.list(ctx, `SELECT `+columns+` FROM calls`+where+s.order(q)+` LIMIT `+strconv.Itoa(limit+1), args)
	if err != nil {
		return Page{}, err
	}
	p := Page{Calls: calls}
	if len(calls) > limit {
		p.Calls = calls[:limit]
		p.Next = cursor(p.Calls[limit-1])
	}
	return p, s.agents(ctx, p.Calls)
}

// Call gives one call by its id; false if there is none, or it is another tenant's. tenant "" is all tenants.
func (s *Store) Call(ctx context.Context, tenant, id string) (Call, bool, error) {
	where, args := ` WHERE id = ?`, []any{id}
	if tenant != "" {
		where, args = where+` AND tenant = ?`, append(args, tenant)
	}
	calls, err := s.list(ctx, `SELECT `+columns+` FROM calls`+where, args)
	if err != nil || len(calls) == 0 {
		return Call{}, false, err
	}
	err = s.agents(ctx, calls)
	return calls[0], err == nil, err
}

func (q Query) limit() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// order and tenant: the calls of an agent are few. The additions keep SQLite from reading all calls of the tenant, only
// because these are in order already. PostgreSQL counts.
func (s *Store) order(q Query) string {
	if q.Agent != "" && !s.postgres {
		return " ORDER BY created_at + 0 DESC, id DESC"
	}
	return " ORDER BY created_at DESC, id DESC"
}

func (s *Store) tenant(q Query) string {
	if q.Agent != "" && !s.postgres {
		return "tenant || ''"
	}
	return "tenant"
}

func (s *Store) where(q Query) (string, []any, error) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	if q.Tenant != "" {
		add(s.tenant(q)+" = ?", q.Tenant)
	}
	for _, c := range []struct{ column, number string }{{"caller", q.Caller}, {"called", q.Called}} {
		if c.number != "" {
			all, key := spellings(c.number)
			add(country(c.column)+" = ? AND "+c.column+" IN ("+marks(len(all))+")", append([]any{key}, all...)...)
		}
	}
	if q.Agent != "" {
		all, _ := spellings(q.Agent)
		where := "SELECT call_id FROM call_agents WHERE agent IN (" + marks(len(all)) + ")"
		if q.Tenant != "" {
			where, all = where+" AND tenant = ?", append(all, q.Tenant)
		}
		add("id IN ("+where+")", all...)
	}
	if !q.From.IsZero() {
		add("created_at >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("created_at < ?", q.To.UnixMilli())
	}
	if q.Cursor != "" {
		ms, id, err := parseCursor(q.Cursor)
		if err != nil {
			return "", nil, err
		}
		add("(created_at, id) < (?, ?)", ms, id)
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// leastDigits of a number that is written with its country.
const leastDigits = 7

// spellings of what may be a telephone number: as it is, and with + or 00 or nothing before the country. No more than a
// trunk does: a number without its country stands for itself. The key is what country makes of all of them.
func spellings(number string) (all []any, key string) {
	digits := international(strings.Map(func(c rune) rune {
		if strings.ContainsRune(" -.()/", c) {
			return -1
		}
		return c
	}, number))
	if len(digits) < leastDigits || strings.Trim(digits, "0123456789") != "" {
		return []any{number}, international(number)
	}
	return []any{"+" + digits, "00" + digits, digits}, digits
}

// international is a number without what stands before the country; country is that in SQL.
func international(number string) string {
	if rest, ok := strings.CutPrefix(number, "+"); ok {
		return rest
	}
	return strings.TrimPrefix(number, "00")
}

func country(column string) string {
	return "CASE WHEN substr(" + column + ", 1, 1) = '+' THEN substr(" + column + ", 2) WHEN substr(" + column + ", 1, 2) = '00' THEN substr(" + column + ", 3) ELSE " + column + " END"
}

func cursor(last Call) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", last.CreatedAt.UnixMilli(), last.ID))
}

func parseCursor(text string) (ms int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, "", ErrCursor
	}
	at, id, ok := strings.Cut(string(raw), " ")
	ms, err = strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || clean(id) != id {
		return 0, "", ErrCursor
	}
	return ms, id, nil
}

func (s *Store) list(ctx context.Context, statement string, args []any) ([]Call, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, s.sql(statement), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	calls := []Call{}
	for rows.Next() {
		c, err := scan(rows)
		if err != nil {
			return nil, err
		}
		calls = append(calls, c)
	}
	return calls, rows.Err()
}

func scan(rows *sql.Rows) (Call, error) {
	var c Call
	var direction, caller, callerName, called, trunk, user, agent, agentName, class, reason, by, legs sql.NullString
	var created int64
	var answered, bridged, ended, duration, talk, sip sql.NullInt64
	err := rows.Scan(&c.ID, &c.Tenant, &direction, &caller, &callerName, &called, &trunk, &user, &agent, &agentName,
		&created, &answered, &bridged, &ended, &duration, &talk, &class, &reason, &sip, &by, &legs)
	c.Direction, c.Caller, c.CallerName, c.Called = direction.String, caller.String, callerName.String, called.String
	c.Trunk, c.User, c.Agent, c.AgentName, c.EndedBy = trunk.String, user.String, agent.String, agentName.String, by.String
	c.Times = Times{
		CreatedAt: time.UnixMilli(created).UTC(), AnsweredAt: moment(answered), BridgedAt: moment(bridged), EndedAt: moment(ended),
		DurationMS: duration.Int64, TalkMS: talk.Int64,
	}
	if class.Valid {
		c.Cause = &event.Cause{Class: class.String, Reason: reason.String, SIP: int(sip.Int64)}
	}
	if legs.Valid {
		c.Legs = json.RawMessage(legs.String)
	}
	c.Agents = []string{}
	return c, err
}

func moment(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := time.UnixMilli(ms.Int64).UTC()
	return &t
}

// agents fills in who spoke with the callers.
func (s *Store) agents(ctx context.Context, calls []Call) error {
	if len(calls) == 0 {
		return nil
	}
	at := make(map[string]*Call, len(calls))
	args := make([]any, len(calls))
	for i := range calls {
		at[calls[i].ID], args[i] = &calls[i], calls[i].ID
	}
	rows, err := s.read.QueryContext(ctx, s.sql(`SELECT call_id, agent FROM call_agents WHERE call_id IN (`+marks(len(calls))+`)`), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, agent string
		if err := rows.Scan(&id, &agent); err != nil {
			return err
		}
		at[id].Agents = append(at[id].Agents, agent)
	}
	for i := range calls {
		slices.Sort(calls[i].Agents) // here: databases sort each in their own way
	}
	return rows.Err()
}
