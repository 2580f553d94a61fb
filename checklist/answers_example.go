package checklist

import _ "embed"

// example is a file of its own so that an editor shows it as what it is.
//
//go:embed answers_example.yaml
var example string

// Example is an answers file with every answer explained.
func Example() string { return example }
