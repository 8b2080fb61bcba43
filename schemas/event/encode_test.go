package event

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offhook/offhook/schemas/encode"
)

// fill draws a value for everything that can be set in v.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()))
		return
	case map[string]any:
		v.Set(reflect.ValueOf(rapid.SampledFrom([]map[string]any{nil, {}, {"b": true, "a": "<x", "n": 1.5, "deep": []any{nil, "&"}}}).Draw(t, "vars")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "101", "a<b>&c", "q\"\\", "\x00\n\x7f", "\xff\xfe", "\u2028", "Ilze Bērziņa"})).Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{0, 1, -7, 1 << 40}).Draw(t, "number"))
	case reflect.Uint64:
		v.SetUint(rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}).Draw(t, "number"))
	case reflect.Float64:
		v.SetFloat(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e21, 1e-7, 0.1, 12.5})).Draw(t, "float"))
	default:
		fillParts(t, v)
	}
}

func fillParts(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key)
			fill(t, value)
			v.SetMapIndex(key, value)
		}
	default:
		t.Fatalf("cannot fill %v", v.Type())
	}
}

func TestEncodeJSONIsWhatMarshalGives(t *testing.T) {
	for _, v := range []encode.Value{new(Base), new(Cause), new(Call), new(Leg), new(Hangup), new(LegEnd), new(Media), new(Verb), new(DTMF), new(Asked),
		new(Fault), new(Email), new(Custom), new(Registration), new(Transfer), new(Meeting), new(Recording), new(Tags), new(MessageCount)} {
		typ := reflect.TypeOf(v).Elem()
		t.Run(typ.Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				x := reflect.New(typ)
				fill(t, x.Elem())
				want, err := json.Marshal(x.Interface())
				if err != nil {
					t.Fatal(err)
				}
				got, err := encode.JSON(x.Interface().(encode.Value))
				if err != nil || string(got) != string(want) {
					t.Fatalf("%v\n got %s\nwant %s", err, got, want)
				}
			})
		})
	}
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	for name, v := range map[string]encode.Value{
		"a number that is none": &Custom{Data: map[string]any{"x": math.NaN()}},
		"jitter":                &Media{JitterMS: math.Inf(1)},
		"a far year":            &Base{At: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if b, err := encode.JSON(v); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
	if _, err := encode.JSON(new(Tags)); err != nil {
		t.Errorf("an error outlived its value: %v", err)
	}
}

func answered() *Leg {
	return &Leg{Base: Base{CallID: "call_01M80FNC09J4ARNNM5M00V36PB", Tenant: "bench", Seq: 4, At: time.Unix(1e9, 5).UTC()}, Leg: 1, CallerNumber: "+37120001111"}
}

func BenchmarkMarshal(b *testing.B) {
	b.ReportAllocs()
	v := answered()
	for b.Loop() {
		_, _ = json.Marshal(v)
	}
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	v := answered()
	for b.Loop() {
		_, _ = encode.JSON(v)
	}
}

func TestWhatIsLentIsWhatJSONGives(t *testing.T) {
	want, _ := encode.JSON(answered())
	err := encode.Lend(answered(), func(b []byte) error {
		if string(b) != string(want) {
			t.Errorf("lent %s, want %s", b, want)
		}
		return os.ErrExist
	})
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("the taker's error became %v", err)
	}
	if err := encode.Lend(&Media{JitterMS: math.Inf(1)}, func([]byte) error { t.Error("half of a value was lent"); return nil }); err == nil {
		t.Error("no error")
	}
}
