package change

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Token is one lexical element of an SQL expression.
type Token struct {
	Kind TokenKind
	// Text is the source text; for an identifier, the name the database would look up.
	Text string
}

// TokenKind tells identifiers from the rest.
type TokenKind int

// The kinds of tokens that matter here.
const (
	Word   TokenKind = iota // unquoted identifier or keyword, folded to lower case
	Quoted                  // "quoted" identifier, unquoted
	String                  // any string literal
	Symbol                  // operator, bracket, comma, parameter, number
)

// CheckExpression refuses a text that is not one self-contained expression: whatever passes can stand
// between parentheses in a statement without reaching outside of them. It does not know the
// grammar; the plan has the database parse it.
func CheckExpression(s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("the expression is empty")
	}
	_, err := Tokens(s)
	return err
}

// Tokens splits an expression. Brackets must balance; comments, semicolons, positional parameters and
// unterminated quotes are errors. A comma outside of brackets is one too: it would end the expression.
func Tokens(s string) ([]Token, error) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, fmt.Errorf("the expression is not valid text")
	}
	var tokens []Token
	var open []byte
	for i := 0; i < len(s); {
		c := s[i]
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			i++
		case strings.HasPrefix(s[i:], "--") || strings.HasPrefix(s[i:], "/*"):
			return nil, fmt.Errorf("the expression holds a comment; move it to the description")
		case c == ';':
			return nil, fmt.Errorf("the expression holds a semicolon; give one expression, not a statement")
		case c == '\'':
			end, err := closingQuote(s, i, escapes(s, i))
			if err != nil {
				return nil, err
			}
			tokens, i = append(tokens, Token{String, s[i:end]}), end
		case c == '"':
			end, err := closingQuote(s, i, false)
			if err != nil {
				return nil, err
			}
			tokens, i = append(tokens, Token{Quoted, strings.ReplaceAll(s[i+1:end-1], `""`, `"`)}), end
		case c == '$':
			end, err := dollarQuote(s, i)
			if err != nil {
				return nil, err
			}
			tokens, i = append(tokens, Token{String, s[i:end]}), end
		case c == '_' || unicode.IsLetter(r) || r >= 0x80:
			end := wordEnd(s, i)
			tokens, i = append(tokens, Token{Word, foldASCII(s[i:end])}), end
		default:
			switch c {
			case '(', '[':
				open = append(open, c)
			case ')', ']':
				if len(open) == 0 || (open[len(open)-1] == '(') != (c == ')') {
					return nil, fmt.Errorf("the expression closes a bracket that it did not open")
				}
				open = open[:len(open)-1]
			case ',':
				if len(open) == 0 {
					return nil, fmt.Errorf("the expression holds a comma outside of brackets; give one expression")
				}
			}
			tokens, i = append(tokens, Token{Symbol, s[i : i+size]}), i+size
		}
	}
	if len(open) > 0 {
		return nil, fmt.Errorf("the expression leaves a bracket open")
	}
	return tokens, nil
}

// Identifiers gives every name that the expression could mean as a column: a superset, since a keyword or a
// type reads the same.
func Identifiers(s string) map[string]bool {
	names := map[string]bool{}
	tokens, _ := Tokens(s)
	for _, t := range tokens {
		if t.Kind == Word || t.Kind == Quoted {
			names[t.Text] = true
		}
	}
	return names
}

// Calls gives the names that are followed by an opening bracket.
func Calls(s string) []string {
	var names []string
	tokens, _ := Tokens(s)
	for i, t := range tokens {
		if (t.Kind == Word || t.Kind == Quoted) && i+1 < len(tokens) && tokens[i+1].Text == "(" {
			names = append(names, t.Text)
		}
	}
	return names
}

// escapes tells whether the quote at i opens an E'…' string, in which a backslash escapes.
func escapes(s string, i int) bool {
	if i == 0 || (s[i-1] != 'e' && s[i-1] != 'E') {
		return false
	}
	return i == 1 || !isWord(rune(s[i-2]))
}

func closingQuote(s string, start int, backslash bool) (int, error) {
	q := s[start]
	for i := start + 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && backslash:
			i++
		case s[i] == '\\' && q == '\'':
			return 0, fmt.Errorf(`the expression holds a backslash in a plain string, which means different things under different settings; write E'\\…'`)
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("the expression leaves a quote open")
}

func dollarQuote(s string, start int) (int, error) {
	end := start + 1
	for end < len(s) && isWord(rune(s[end])) {
		end++
	}
	if end >= len(s) || s[end] != '$' || (end > start+1 && s[start+1] >= '0' && s[start+1] <= '9') {
		return 0, fmt.Errorf("the expression holds a parameter; there is none to give")
	}
	tag := s[start : end+1]
	i := strings.Index(s[end+1:], tag)
	if i < 0 {
		return 0, fmt.Errorf("the expression leaves the quote %s open", tag)
	}
	return end + 1 + i + len(tag), nil
}

func wordEnd(s string, i int) int {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isWord(r) && r != '$' {
			break
		}
		i += size
	}
	return i
}

func isWord(r rune) bool {
	return r == '_' || r >= 0x80 || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// foldASCII lowers A to Z only, as PostgreSQL does in a multi-byte encoding.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 32
		}
		return r
	}, s)
}
