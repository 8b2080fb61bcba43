package call

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/event"
)

// MarshalInput writes an input under its kind: {"digit": {...}}.
func MarshalInput(in Input) ([]byte, error) { return json.Marshal(map[string]any{in.Kind(): in}) }

// MarshalOutput writes an output under its kind: {"leg_end": {...}}.
func MarshalOutput(out Output) ([]byte, error) { return json.Marshal(map[string]any{out.Kind(): out}) }

// UnmarshalInput reads what MarshalInput wrote.
func UnmarshalInput(raw []byte) (Input, error) { return unmarshalKind(raw, inputs) }

// UnmarshalOutput reads what MarshalOutput wrote.
func UnmarshalOutput(raw []byte) (Output, error) { return unmarshalKind(raw, outputs) }

func unmarshalKind[T any](raw []byte, kinds map[string]func([]byte) (T, error)) (T, error) {
	var none T
	var one map[string]json.RawMessage
	if err := json.Unmarshal(raw, &one); err != nil {
		return none, err
	}
	if len(one) != 1 {
		return none, errors.New("expected an object with the kind as its one name")
	}
	for kind, body := range one {
		read, ok := kinds[kind]
		if !ok {
			return none, fmt.Errorf("unknown kind %q", kind)
		}
		v, err := read(body)
		if err != nil {
			return none, fmt.Errorf("%s: %w", kind, err)
		}
		return v, nil
	}
	return none, nil
}

func input[T Input](raw []byte) (Input, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

func output[T Output](raw []byte) (Output, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

var inputs = map[string]func([]byte) (Input, error){
	"begin": input[Begin], "leg_progress": input[LegProgress], "leg_answered": input[LegAnswered], "leg_held": input[LegHeld],
	"leg_resumed": input[LegResumed], "leg_ended": input[LegEnded], "digit": input[Digit], "play_ended": input[PlayEnded], "play_failed": input[PlayFailed],
	"timer_fired": input[TimerFired], "ask_answered": input[AskAnswered], "resolved": input[Resolved], "replace": input[Replace],
	"end": input[End], "leg_referred": input[LegReferred], "leg_notified": input[LegNotified], "record_ended": input[RecordEnded],
	"beside": input[Beside], "lent": input[Lent], "loan_taken": input[LoanTaken], "loan_ended": input[LoanEnded],
	"loan_recalled": input[LoanRecalled], "loan_input": input[LoanInput], "loan_notify": input[LoanNotify],
	"loan_hushed": input[LoanHushed],
	"placed":      input[Placed], "detected": input[Detected], "stream_started": input[StreamStarted], "stream_ended": input[StreamEnded],
}

var outputs = map[string]func([]byte) (Output, error){
	"leg_ring": output[LegRing], "leg_answer": output[LegAnswer], "leg_invite": output[LegInvite], "leg_end": output[LegEnd],
	"set_mix": output[SetMix], "play_start": output[PlayStart], "play_stop": output[PlayStop], "play_pause": output[PlayPause], "play_seek": output[PlaySeek], "prepare": output[Prepare], "timer_start": output[TimerStart],
	"timer_stop": output[TimerStop], "ask_start": output[AskStart], "ask_stop": output[AskStop], "resolve": output[Resolve],
	"leg_dtmf": output[LegDTMF], "leg_refer": output[LegRefer], "leg_notify": output[LegNotify], "record_start": output[RecordStart],
	"record_pause": output[RecordPause], "record_stop": output[RecordStop], "messages": output[Messages], "names": output[Names],
	"detect_start": output[DetectStart], "detect_stop": output[DetectStop],
	"send": output[Send], "leg_borrow": output[LegBorrow], "leg_return": output[LegReturn],
	"stream_start": output[StreamStart], "stream_digit": output[StreamDigit], "stream_stop": output[StreamStop],
	"publish": output[Publish], "log_line": output[LogLine], "over": output[Over],
}

// MarshalJSON writes the input under its kind.
func (s Send) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"to": s.To, "in": map[string]any{s.In.Kind(): s.In}})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Send) UnmarshalJSON(raw []byte) error {
	var in struct {
		To string          `json:"to"`
		In json.RawMessage `json:"in"`
	}
	err := json.Unmarshal(raw, &in)
	if err == nil {
		s.To = in.To
		s.In, err = UnmarshalInput(in.In)
	}
	return err
}

// UnmarshalJSON reads the data into the struct of its type.
func (p *Publish) UnmarshalJSON(raw []byte) error {
	var in struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	data := dataOf(in.Type)
	if data == nil {
		return fmt.Errorf("unknown event %q", in.Type)
	}
	p.Type, p.Data = in.Type, data
	return json.Unmarshal(in.Data, data)
}

// dataOf gives an empty data struct for an event's type, nil for an unknown one.
func dataOf(typ string) Data {
	switch typ {
	case event.CallRinging, event.CallAnswered:
		return &event.Call{}
	case event.CallHangup:
		return &event.Hangup{}
	case event.CallBridged, event.CallReplaced, event.CallHeld, event.CallResumed:
		return &event.Leg{}
	case event.VerbStarted, event.VerbEnded:
		return &event.Verb{}
	case event.DTMFReceived:
		return &event.DTMF{}
	case event.AskAnswered, event.AskFailed:
		return &event.Asked{}
	case event.EmailRequested:
		return &event.Email{}
	case event.LegHuman, event.LegMachine, event.LegFax, event.LegBeep, event.LegBusyTone, event.LegSilence:
		return &event.Detection{}
	case event.CallTransferred:
		return &event.Transfer{}
	case event.AudioFailed:
		return &event.Audio{}
	case event.CallTagged:
		return &event.Tags{}
	case event.UserMessages:
		return &event.MessageCount{}
	case event.CallParked, event.CallUnparked, event.CallPickedUp, event.CallSupervised,
		event.ConferenceJoined, event.ConferenceLeft, event.QueueJoined, event.QueueLeft:
		return &event.Meeting{}
	}
	switch {
	case strings.HasPrefix(typ, "recording."):
		return &event.Recording{}
	case strings.HasPrefix(typ, "stream."):
		return &event.Stream{}
	case strings.HasPrefix(typ, "leg."):
		return &event.Leg{}
	case strings.HasPrefix(typ, event.CustomPrefix):
		return &event.Custom{}
	}
	return nil
}
