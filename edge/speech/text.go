package speech

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean keeps what can be said: control and format characters go, white space becomes single blanks.
func clean(text string) (string, error) {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r) || r == utf8.RuneError: // control, format, private, surrogate
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case !strings.ContainsFunc(text, speakable):
		return "", ErrNoText
	case utf8.RuneCountInString(text) > MaxText:
		return "", ErrTextTooLong
	}
	return text, nil
}

func speakable(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// english writes what flite does not know with what it does: its tables are of ASCII.
func english(text string) (string, error) {
	text = strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return ' '
	}, toASCII.Replace(text))
	if !strings.ContainsFunc(text, speakable) {
		return "", ErrNoText
	}
	return text, nil
}

var toASCII = strings.NewReplacer(
	"‘", "'", "’", "'", "“", `"`, "”", `"`, "„", `"`, "–", " - ", "—", " - ", "…", "...", "€", " euro ", "£", " pounds ", "°", " degrees ",
	"à", "a", "á", "a", "â", "a", "ã", "a", "ä", "a", "å", "a", "ā", "a", "ą", "a", "æ", "ae", "ç", "c", "č", "c", "ć", "c",
	"è", "e", "é", "e", "ê", "e", "ë", "e", "ē", "e", "ę", "e", "ė", "e", "ģ", "g", "ì", "i", "í", "i", "î", "i", "ï", "i", "ī", "i",
	"ķ", "k", "ļ", "l", "ł", "l", "ñ", "n", "ņ", "n", "ń", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ö", "o", "ø", "o", "ō", "o",
	"ß", "ss", "š", "s", "ś", "s", "ù", "u", "ú", "u", "û", "u", "ü", "u", "ū", "u", "ý", "y", "ž", "z", "ż", "z", "ź", "z",
	"Ä", "A", "Å", "A", "Ā", "A", "Č", "C", "É", "E", "Ē", "E", "Ģ", "G", "Ī", "I", "Ķ", "K", "Ļ", "L", "Ņ", "N", "Ö", "O", "Ø", "O",
	"Š", "S", "Ü", "U", "Ū", "U", "Ž", "Z",
)

// isEnglish tells whether a language is English, or not said.
func isEnglish(language string) bool {
	primary, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	return primary == "" || primary == "en"
}

// token tells whether s may be an engine's name for a voice or language: it goes into a command line and a file's name.
func token(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_+", r)
	})
}
