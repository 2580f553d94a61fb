package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Failure *junitCause `xml:"failure,omitempty"`
	Error   *junitCause `xml:"error,omitempty"`
	Skipped *junitCause `xml:"skipped,omitempty"`
}

type junitCause struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit prints the findings for a CI: RED is a failure, unknown and waiting
// are errors, because they are not ok either; manual is skipped.
func writeJUnit(out io.Writer, reports []verified) error {
	var all junitSuites
	for _, v := range reports {
		s := junitSuite{Name: v.Server, Tests: len(v.Findings)}
		if v.Error != "" {
			s.Tests++
			s.Errors++
			s.Cases = append(s.Cases, junitCase{Class: v.Server, Name: "connect", Error: &junitCause{Message: v.Error}})
		}
		for _, f := range v.Findings {
			if s.Timestamp == "" {
				s.Timestamp = f.At.UTC().Format(time.RFC3339)
			}
			s.add(v.Server, f)
		}
		all.Suites = append(all.Suites, s)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	if _, err := fmt.Fprintf(out, "%s%s\n", xml.Header, data); err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	return nil
}

func (s *junitSuite) add(server string, f checklist.Finding) {
	c := junitCase{Class: server, Name: f.Item + ": " + remote.CleanLine(f.Title)}
	cause := &junitCause{
		Message: remote.CleanLine(word(f.Status) + ": " + f.Got),
		Text:    remote.CleanText("want: " + f.Want + "\ngot: " + f.Got + "\n" + strings.Join(f.Evidence, "\n")),
	}
	switch f.Status {
	case checklist.Passed:
	case checklist.Failed:
		s.Failures++
		c.Failure = cause
	case checklist.Manual:
		s.Skipped++
		c.Skipped = cause
	default:
		s.Errors++
		c.Error = cause
	}
	s.Cases = append(s.Cases, c)
}
