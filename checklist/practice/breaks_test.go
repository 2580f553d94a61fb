package practice

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"aslwiz/checklist"
)

// labBreak is a line of the lab's table: what breaks, the items that turn red with
// the way to mend each, and the steps that do.
type labBreak struct {
	name  string
	red   map[string]string
	apply []string
}

// labBreaks reads the lab's table from its source.
func labBreaks(t *testing.T) []labBreak {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "remote", "lab", "breaks_test.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []labBreak
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		b := labBreak{red: map[string]string{}}
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := kv.Key.(*ast.Ident)
			if !ok {
				return true
			}
			switch key.Name {
			case "name":
				b.name = text(kv.Value)
			case "red":
				for _, x := range elements(kv.Value) {
					if pair, ok := x.(*ast.KeyValueExpr); ok {
						b.red[text(pair.Key)] = text(pair.Value)
					}
				}
			case "apply":
				for _, x := range elements(kv.Value) {
					b.apply = append(b.apply, text(x))
				}
			}
		}
		if b.name != "" && len(b.red) > 0 {
			out = append(out, b)
			return false
		}
		return true
	})
	if len(out) < 15 {
		t.Fatalf("only %d breaks read from the lab's table", len(out))
	}
	return out
}

func text(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok {
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return ""
}

func elements(e ast.Expr) []ast.Expr {
	if lit, ok := e.(*ast.CompositeLit); ok {
		return lit.Elts
	}
	return nil
}

// Every break of the lab's table turns the same items red here, each mended in the
// same way, and what is named mends it. One server is broken again and again, as
// in the lab.
func TestBreaks(t *testing.T) {
	w := newWorld(t)
	r, events := w.apply(t)
	wantAll(t, r, events, checklist.StepChanged, checklist.StepSame)
	w.try(t)
	wantGreen(t, w.settled(t))
	for _, b := range labBreaks(t) {
		t.Run(b.name, func(t *testing.T) {
			if !slices.Contains(Breaks(), b.name) {
				t.Fatal("the practice server cannot break so: add it to breaks.go")
			}
			if err := w.Break(b.name); err != nil {
				t.Fatal(err)
			}
			red := w.verify(t)
			got := map[string]string{}
			for item, f := range red {
				got[item] = wayToMend(f)
			}
			if !maps.Equal(got, b.red) {
				t.Errorf("red: %v; the lab has %v", got, b.red)
				wantGreen(t, red)
			}
			steps := b.apply
			if steps == nil {
				for _, fix := range b.red {
					if _, ok := checklist.StepByID(fix); ok {
						steps = append(steps, fix)
					}
				}
			}
			if err := w.Mend(b.name); err != nil {
				t.Fatal(err)
			}
			for _, s := range checklist.Steps() {
				if slices.Contains(steps, s.ID) {
					if r, _ := w.apply(t, s); r.Failed() {
						t.Fatalf("%+v", r.Steps)
					}
				}
			}
			wantGreen(t, w.settled(t))
		})
	}
}

// wayToMend is a fix in the words of the lab's table.
func wayToMend(f checklist.Finding) string {
	switch {
	case f.Fix == nil:
		return ""
	case f.Fix.Kind == checklist.FixStep:
		return f.Fix.Step
	}
	return string(f.Fix.Kind)
}

func TestUnknownBreak(t *testing.T) {
	t.Parallel()
	if err := newWorld(t).Break("rain"); err == nil {
		t.Error("a break that there is not")
	}
}
