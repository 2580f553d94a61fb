package checklist

import (
	"slices"
	"time"
)

// stepTimezone sets the time zone.
// Source: the page, "Set the TimeZone to UTC"; timedatectl(1).
var stepTimezone = Step{
	ID:    "timezone",
	Title: "set the time zone to UTC",
	Why:   "the servers stand in many countries, and their logs can be laid side by side only when all of them speak the same time",
	Limit: time.Minute,
	Want: func(In) ([]Resource, error) {
		return []Resource{Setting{
			Title: "time zone",
			Read:  "timedatectl show --property=Timezone --value",
			Write: `read -r zone; timedatectl set-timezone "$zone"`,
			Want:  "UTC",
			Set:   "run timedatectl set-timezone UTC",
			Equal: func(now, _ string) bool { return isUTC(now) },
			Note:  "programs that run already keep the old zone until they start again: the step reboot does that for all of them",
		}}, nil
	},
}

// isUTC reports the names that the time zone database has for UTC.
func isUTC(zone string) bool {
	return slices.Contains([]string{
		"UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu",
	}, zone)
}
