package checklist

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"aslwiz/remote"
)

// MaxAnswers is the largest answers file that is read, in bytes: a hundred times
// what any server needs, and small enough for a parser that recurses.
const MaxAnswers = 64 << 10

const (
	// maxNesting is how deep lists and mappings may lie in each other, of which the
	// answers need four. The parser's time and memory grow with the square of it.
	maxNesting = 20
	// maxTokens is how many tokens a file may have; the parser's time grows
	// with the square of the keys too.
	maxTokens = 20_000
	// maxMistakes is how many mistakes are told; more are only counted. In a file
	// that is of another kind every line is one.
	maxMistakes = 20
)

// ParseAnswers reads an answers file and validates it. The error is an
// *AnswersError with all mistakes at once. readable says why a file on this
// computer, such as a private key, cannot be read; nil leaves that unchecked.
func ParseAnswers(file string, data []byte, readable func(path string) error) (Answers, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors on Windows begin a file with it
	r := &answersReader{
		file:  file,
		lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"),
		marks: map[string]mark{},
		keys:  map[string]mark{},
		bad:   map[string]bool{},
	}
	var a Answers
	switch {
	case len(data) > MaxAnswers:
		r.add("", mark{}, fmt.Sprintf("%d bytes are too many for an answers file", len(data)), "")
	default:
		r.read(data, &a)
	}
	for _, p := range a.Problems(readable) {
		if !r.bad[p.Path] && !r.broken {
			r.add(p.Path, r.place(p.Path), p.Text, p.Example)
		}
	}
	if len(r.mistakes) == 0 {
		return a, nil
	}
	slices.SortStableFunc(r.mistakes, func(x, y Mistake) int {
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	return Answers{}, &AnswersError{File: file, Mistakes: r.mistakes, More: r.more}
}

// mark is where something stands in the file.
type mark struct{ line, column, width int }

type answersReader struct {
	file     string
	lines    []string
	marks    map[string]mark // by path: where its value is, or its key when it has none
	keys     map[string]mark // by path: where its key is
	bad      map[string]bool // paths that already have a mistake
	broken   bool            // not YAML at all: validation would only add noise
	mistakes []Mistake
	more     int // mistakes beyond maxMistakes
}

// place is where path is answered; what is missing is missing where the answers
// around it begin.
func (r *answersReader) place(path string) mark {
	if m, ok := r.marks[path]; ok {
		return m
	}
	for path != "" {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
		if m, ok := r.keys[path]; ok {
			return m
		}
		if m, ok := r.marks[path]; ok {
			return m
		}
	}
	return mark{}
}

func (r *answersReader) add(path string, m mark, text, example string) {
	r.bad[path] = true
	if len(r.mistakes) >= maxMistakes {
		r.more++
		return
	}
	mistake := Mistake{File: r.file, Line: m.line, Column: m.column, Width: m.width, Path: path, Text: text, Example: example}
	if strings.HasPrefix(text, "is ") {
		mistake.Text = path[strings.LastIndexByte(path, '.')+1:] + " " + text
	}
	mistake.Text = remote.CleanText(mistake.Text) // it may quote what the file holds
	if m.line > 0 && m.line <= len(r.lines) {
		mistake.source = hideSecret(r.lines[m.line-1])
	}
	r.mistakes = append(r.mistakes, mistake)
}

// read fills a from data. Whatever the YAML library does with odd input, a panic
// included, becomes a mistake.
func (r *answersReader) read(data []byte, a *Answers) {
	defer func() {
		if p := recover(); p != nil {
			r.broken = true
			r.add("", mark{}, "not YAML that can be read", "")
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		r.broken = true
		r.add("", mark{}, fmt.Sprintf("too complex for an answers file (%d tokens, limit %d); is it the right file?", len(tokens), maxTokens), "")
		return
	}
	if deep := tooDeep(tokens); deep != nil {
		r.broken = true
		r.add("", tokenMark(deep), fmt.Sprintf("nested more than %d levels deep; this is not an answers file", maxNesting), "")
		return
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.broken = true
		r.syntax(err)
		return
	}
	var body ast.Node
	for _, d := range f.Docs {
		switch {
		case d.Body == nil || d.Body.Type() == ast.CommentType:
		case body == nil:
			body = d.Body
		default:
			r.add("", r.at(d.Body), "a second document begins here; an answers file is for one server", "")
		}
	}
	if body != nil {
		r.value("", body, reflect.ValueOf(a).Elem())
	}
}

// tooDeep is the first token that lies deeper than maxNesting, in brackets or after
// the signs that begin a list's element or a key in one line; nil: there is none.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, signs, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, signs = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			signs++
		}
		if max(brackets, signs) > maxNesting {
			return t
		}
	}
	return nil
}

func (r *answersReader) syntax(err error) {
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.GetToken() == nil || se.GetToken().Position == nil {
		r.add("", mark{}, "not YAML: "+firstLine(err.Error()), "")
		return
	}
	m := tokenMark(se.GetToken())
	line := ""
	if m.line > 0 && m.line <= len(r.lines) {
		line = r.lines[m.line-1]
	}
	r.add("", m, "not YAML: "+plainSyntax(firstLine(se.GetMessage()), line), exampleOf(firstWord(line)))
}

// plainSyntax says a syntax error in the words of somebody who writes the file.
func plainSyntax(message, line string) string {
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces: a tab is not taken here"
	case strings.Contains(message, "non-map value"):
		return "a key is followed by a colon, a space and its value"
	case strings.Contains(message, "not allowed in this context"):
		return "this line is indented otherwise than its neighbours, or the line that it belongs under is missing or still a comment"
	}
	return message
}

func firstWord(line string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return strings.TrimRight(word, ":")
}

// value reads node n into v, a field of Answers.
func (r *answersReader) value(path string, n ast.Node, v reflect.Value) {
	if path != "" {
		r.marks[path] = r.at(n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		r.add(path, r.at(n), "anchors, aliases and tags have no place in an answers file: write the value out", exampleOf(path))
		return
	case *ast.NullNode, *ast.CommentNode, *ast.CommentGroupNode:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.mapping(path, n, v)
	case reflect.Slice:
		r.list(path, n, v)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			r.add(path, r.at(n), "is neither true nor false", exampleOf(path))
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		i, ok := plainInt(n)
		if !ok {
			r.add(path, r.at(n), "is not a whole number written in digits, without quotes", exampleOf(path))
			return
		}
		v.SetInt(i)
	default:
		s, ok := scalar(n)
		if !ok {
			r.add(path, r.at(n), "is "+kindOf(n)+" where one text is wanted", exampleOf(path))
			return
		}
		v.SetString(s)
	}
}

func (r *answersReader) list(path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(path, r.at(n), "is "+kindOf(n)+" where a list is wanted", exampleOf(path))
		return
	}
	for i, e := range seq.Values {
		item := reflect.New(v.Type().Elem()).Elem()
		p := fmt.Sprintf("%s[%d]", path, i)
		if e == nil {
			continue
		}
		r.value(p, e, item)
		v.Set(reflect.Append(v, item))
	}
}

func (r *answersReader) mapping(path string, n ast.Node, v reflect.Value) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		what, example := "is "+kindOf(n)+" where keys with values are wanted", exampleOf(path)
		if path == "" {
			what, example = "the file is "+kindOf(n)+"; an answers file has keys with values", exampleOf("host")
		}
		r.broken = path == ""
		r.add(path, r.at(n), what, example)
		return
	}
	seen := map[string]int{}
	for _, kv := range pairs {
		key := kv.Key.GetToken().Value
		p := join(path, key)
		at := tokenMark(kv.Key.GetToken())
		field, ok := fieldByKey(v, key)
		switch {
		case !ok:
			r.unknown(path, key, at)
			continue
		case seen[key] > 0:
			r.add(p, at, fmt.Sprintf("%q is already answered in line %d", key, seen[key]), "")
			continue
		}
		seen[key] = at.line
		r.marks[p], r.keys[p] = at, at
		if kv.Value != nil && kv.Value.Type() != ast.NullType {
			r.value(p, kv.Value, field)
		}
	}
}

// unknown reports a key that is not one of the schema's.
func (r *answersReader) unknown(parent, key string, at mark) {
	if isSecretKey(key) {
		r.add(join(parent, key), at, "an answers file never holds a secret: take it out; aslwiz asks for it, or reads it from a file of its own", "")
		return
	}
	near, example := "", ""
	if len(r.mistakes) < maxMistakes { // to look for it takes time
		near, example = nearestKey(parent, key)
	}
	text := fmt.Sprintf("unknown key %q", key)
	if near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	r.add(join(parent, key), at, text, example)
}

// at is where a node's value stands.
func (r *answersReader) at(n ast.Node) mark {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0]
	}
	if kv, ok := n.(*ast.MappingValueNode); ok {
		n = kv.Key
	}
	return tokenMark(n.GetToken())
}

func tokenMark(t *token.Token) mark {
	if t == nil || t.Position == nil {
		return mark{}
	}
	text, _, _ := strings.Cut(strings.TrimSpace(t.Origin), "\n")
	return mark{line: t.Position.Line, column: max(1, t.Position.Column), width: len([]rune(text))}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
