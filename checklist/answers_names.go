package checklist

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	label   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	numeric = regexp.MustCompile(`^[0-9]+$`)
)

// CheckHostname says why s is not the first label of a host name (RFC 1123).
func CheckHostname(s string) error {
	switch {
	case s == "":
		return errors.New("hostname is missing: the server's name without its domain")
	case strings.Contains(s, "."):
		name, domain, _ := strings.Cut(s, ".")
		return fmt.Errorf("put the domain in domain: hostname %s, domain %s", name, domain)
	case numeric.MatchString(s):
		return errors.New("a name of digits only is taken for an address: begin it with a letter")
	case s == "localhost":
		return errors.New("localhost is every machine's name for itself: give this one its own")
	}
	return checkLabel(s)
}

// CheckDomain says why s is not a domain.
func CheckDomain(s string) error {
	labels := strings.Split(s, ".")
	switch {
	case s == "":
		return errors.New("domain is missing: what follows the host name")
	case strings.HasPrefix(s, "."), strings.HasSuffix(s, "."):
		return errors.New("write the domain without a dot at its ends")
	case numeric.MatchString(labels[len(labels)-1]):
		return errors.New("a domain does not end in a number: is this an address?")
	}
	for _, l := range labels {
		if err := checkLabel(l); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(s string) error {
	switch {
	case s == "":
		return errors.New("there is nothing between two dots")
	case len(s) > 63:
		return fmt.Errorf("%d characters are too many: DNS ends a name's part at 63", len(s))
	case strings.ToLower(s) != s && label.MatchString(strings.ToLower(s)):
		return fmt.Errorf("write it in lower case, as DNS and mail compare it: %s", strings.ToLower(s))
	case strings.HasPrefix(s, "-"), strings.HasSuffix(s, "-"):
		return fmt.Errorf("%q begins or ends with a hyphen", s)
	case strings.Contains(s, "_"):
		return fmt.Errorf("%q has an underscore: a host name has letters, digits and hyphens", s)
	case !label.MatchString(s):
		return fmt.Errorf("%q is not a name of letters a to z, digits and hyphens", s)
	}
	return nil
}
