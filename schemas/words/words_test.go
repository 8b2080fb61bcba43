package words

import "testing"

func TestNearestFindsSlipsOfTheHandOnly(t *testing.T) {
	known := []string{"answer", "dial", "gather", "hangup", "say"}
	for s, want := range map[string]string{"dail": "dial", "anwser": "answer", "hang_up": "hangup", "SAY": "say", "sya": "say", "dance": "", "": "", "x": "", "gatherr": "gather"} {
		if got := Nearest(s, known); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestArticle(t *testing.T) {
	if Article("audio") != "an audio" || Article("target") != "a target" {
		t.Error("wrong article")
	}
}
