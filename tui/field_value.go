package tui

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"aslwiz/checklist"
)

// at is the answer at a path of the answers file, by its YAML names. Elements of
// lists that are not there are made for writing, in a list of their own: a Cmd may
// still read the old one.
func at(a *checklist.Answers, path string, write bool) (reflect.Value, bool) {
	v := reflect.ValueOf(a).Elem()
	for part := range strings.SplitSeq(path, ".") {
		name, index, isElement := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		if v.Kind() != reflect.Struct {
			return v, false
		}
		i := 0
		for ; i < v.NumField(); i++ {
			if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); tag == name {
				break
			}
		}
		if i == v.NumField() {
			return v, false
		}
		v = v.Field(i)
		if !isElement {
			continue
		}
		n, err := strconv.Atoi(index)
		if err != nil || v.Kind() != reflect.Slice {
			return v, false
		}
		if write {
			v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, n+1), v))
		}
		for write && v.Len() <= n {
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		}
		if v.Len() <= n {
			return v, false
		}
		v = v.Index(n)
	}
	return v, true
}

// trim takes the last elements of the list that a path begins with away as long
// as there is nothing in them.
func trim(a *checklist.Answers, path string) {
	name, _, isElement := strings.Cut(path, "[")
	if !isElement {
		return
	}
	list, ok := at(a, name, false)
	for ok && list.Len() > 0 && empty(list.Index(list.Len()-1)) {
		list.Set(list.Slice(0, list.Len()-1))
		if list.Len() == 0 {
			list.SetZero()
		}
	}
}

// empty says whether nothing was answered in an element of a list.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !empty(v.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		for i := range v.Len() {
			if !empty(v.Index(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

// hasPath says whether the answers file has room for such an answer.
func hasPath(path string) bool {
	_, ok := at(&checklist.Answers{}, path, true)
	return ok
}

// get is the answer as it stands in a field.
func (f field) get(a checklist.Answers) string {
	v, ok := at(&a, f.path, false)
	if !ok {
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int:
		if v.Int() == 0 {
			return ""
		}
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case reflect.Slice:
		if list, ok := v.Interface().([]string); ok {
			if f.kind == manyLines {
				return strings.Join(list, ", ")
			}
			return strings.Join(list, " ")
		}
	}
	return ""
}

// set puts what was typed into the answers; the error says why it cannot stand
// there at all. What the checklist thinks of it, wrong says.
func (f field) set(a *checklist.Answers, typed string) error {
	typed = strings.TrimSpace(clean(typed))
	v, ok := at(a, f.path, true)
	if !ok {
		return nil
	}
	defer trim(a, f.path)
	switch v.Kind() {
	case reflect.String:
		v.SetString(typed)
	case reflect.Int:
		n, err := strconv.Atoi(typed)
		if err != nil && typed != "" {
			return fmt.Errorf("%s: %q is not a whole number", f.label, typed)
		}
		v.SetInt(int64(n))
	case reflect.Bool:
		switch strings.ToLower(typed) {
		case "yes", "y", "true":
			v.SetBool(true)
		case "", "no", "n", "false":
			v.SetBool(false)
		default:
			return fmt.Errorf("%s: answer yes or no", f.label)
		}
	case reflect.Slice:
		if v.Type() != reflect.TypeFor[[]string]() {
			return nil
		}
		list := strings.FieldsFunc(typed, func(r rune) bool { return r == ' ' && f.kind != manyLines || r == ',' || r == ';' })
		for i := range list {
			list[i] = strings.Join(strings.Fields(list[i]), " ")
		}
		list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
		if len(list) == 0 {
			list = nil
		}
		v.Set(reflect.ValueOf(list))
	}
	return nil
}
