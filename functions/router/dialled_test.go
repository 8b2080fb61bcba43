package router

import (
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

func office() config.Tenant {
	t := tenant()
	t.Users["101"] = config.User{Name: "Ilze", CallerID: "+37120009999", CallerIds: []string{"+37167000001", "+37167000002"}, Supervise: true}
	t.Users["106"] = config.User{Name: "Anna", Answer: url("http://anna.test/")}
	t.Users["107"] = config.User{Name: "Eva", Answer: url("http://eva.test/"), Forward: config.Forward{Always: "101"}}
	t.Users["108"] = config.User{Name: "Ieva", Answer: url("http://ieva.test/"), Dnd: true}
	t.Users["noah"] = config.User{}
	t.Numbers["200"] = config.Number{Answer: url("http://shop.test/"), CallerPrefix: "77", CallerSuffix: "*1"}
	t.Numbers["300"] = config.Number{Answer: &verb.Do{Document: verb.Document{&verb.Answer{}}}, Referred: true}
	return t
}

func TestWhatAUserDialsIsMoreThanANumber(t *testing.T) {
	custom := office()
	custom.Codes = config.Codes{Listen: "*55"}
	for _, tt := range []struct {
		name   string
		tenant config.Tenant
		user   string
		to     string
		want   string
		lacks  string
	}{
		{"anonymous", office(), "101", "+37120001111h", `[{"verb":"dial","to":{"number":"+37120001111","gateway":"alpha"},"ring_for":"2m0s","caller_id":"+37120009999","anonymous":true`, ""},
		{"anonymous to a user", office(), "101", "105h", `"to":{"user":"105"},"anonymous":true`, "caller_id"},
		{"first number", office(), "101", "+37120001111c1", `"caller_id":"+37167000001"`, "anonymous"},
		{"second number and anonymous", office(), "101", "+37120001111c2h", `"caller_id":"+37167000002","anonymous":true`, ""},
		{"the other way round", office(), "101", "+37120001111hc2", `"caller_id":"+37167000002","anonymous":true`, ""},
		{"to a number of the tenant's", office(), "101", "7c1", `"vars":{"caller_number":"+37167000001"}`, ""},
		{"anonymous to a number of the tenant's", office(), "101", "7h", `"vars":{"caller_name":"","caller_number":"anonymous"}`, ""},
		{"a user's name ends in h", office(), "101", "noah", `"user":"noah"`, "anonymous"},
		{"no such caller id", office(), "101", "+37120001111c3", `[{"verb":"reject","status":484,"reason":"No Caller Id c3"}]`, ""},
		{"no caller ids", office(), "105", "+37120001111c1", `"status":484`, ""},
		{"listen", office(), "101", "4#106", `[{"verb":"supervise","user":"106","mode":"listen"}]`, ""},
		{"whisper", office(), "101", "5#106", `"mode":"whisper"`, ""},
		{"barge", office(), "101", "6#106", `"mode":"barge"`, ""},
		{"own code", custom, "101", "*55106", `"mode":"listen"`, ""},
		{"no supervisor", office(), "105", "4#106", `[{"verb":"reject","status":403,"reason":"Not A Supervisor"}]`, ""},
		{"nobody to listen to", office(), "101", "4#999", `[{"verb":"reject","status":404,"reason":"No Such User"}]`, ""},
		{"whom?", office(), "101", "4#", `"status":484`, ""},
		{"pick up at a user", office(), "105", "*8101", `[{"verb":"pickup","user":"101"}]`, ""},
		{"pick up anywhere", office(), "105", "*8", `[{"verb":"pickup","user":"*"}]`, ""},
		{"pick up at nobody", office(), "105", "*8999", `"status":404`, ""},
		{"parking place", office(), "105", "*7701", `[{"verb":"pickup","slot":"701"}]`, ""},
		{"no parking place", office(), "105", "*7", `"status":484`, ""},
		{"own routing", office(), "105", "106", `[{"verb":"redirect","to":"http://anna.test/"}]`, ""},
		{"own routing, but all calls go on", office(), "105", "107", `"to":{"user":"107"}`, "redirect"},
		{"own routing, but do not disturb", office(), "105", "108", `"to":{"user":"108"}`, "redirect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body, log := route(t, tt.tenant, ask.Call{To: tt.to, User: tt.user, From: tt.user})
			if status != 200 || !strings.Contains(body, tt.want) || tt.lacks != "" && strings.Contains(body, tt.lacks) {
				t.Errorf("%d %s\nwant %s", status, body, tt.want)
			}
			if strings.HasPrefix(body, `{"verbs":[{"verb":"reject"`) != strings.Contains(log, "call refused") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestCodesAndSuffixesMeanNothingFromOutside(t *testing.T) {
	for _, to := range []string{"4#106", "*8", "*7701", "105h", "105c1"} {
		for _, c := range []ask.Call{{To: to, Trunk: "local"}, {To: to, Trunk: "local", User: "101"}, {To: to}} {
			if _, body, _ := route(t, office(), c); !strings.Contains(body, `[{"verb":"redirect","to":"http://shop.test/call"}]`) {
				t.Errorf("%+v: %s", c, body)
			}
		}
	}
}

func TestNumbersMarkTheCallersNumber(t *testing.T) {
	for from, want := range map[string]string{"+37120001111": `"vars":{"caller_number":"77+37120001111*1"}`, "anonymous": `"verbs":[{"verb":"redirect"`} {
		_, body, _ := route(t, office(), ask.Call{To: "200", Trunk: "local", From: from})
		if !strings.Contains(body, want) || from == anonymous && strings.Contains(body, "77") {
			t.Errorf("%s: %s", from, body)
		}
	}
}

func TestANumberMayTakeTransferredCallsOnly(t *testing.T) {
	by := "sip:105@demo.test"
	_, body, log := route(t, office(), ask.Call{To: "300", Trunk: "local"})
	if !strings.Contains(body, `"status":403,"reason":"No referrer specified"`) || !strings.Contains(log, "no referrer specified") {
		t.Error(body, log)
	}
	if _, body, _ = route(t, office(), ask.Call{To: "300", Trunk: "local", ReferredBy: &by}); !strings.Contains(body, `"verb":"answer"`) {
		t.Error(body)
	}
}
