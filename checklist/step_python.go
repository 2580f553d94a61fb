package checklist

import "time"

// stepPython installs what Ansible needs on the server.
// Source: the page, "on the server install python (apt-get install python)".
var stepPython = Step{
	ID:    "python",
	Title: "install Python for Ansible",
	Why:   "the infrastructure's Ansible runs its modules on the server with Python",
	Limit: 20 * time.Minute,
	Want: func(in In) ([]Resource, error) {
		return []Resource{
			packagesFor(in, "python"),
			// A python of somebody's own before ours in the search path would do
			// Ansible no good, and is not ours to remove.
			BroughtSetting{
				Title: "python as a command",
				Read:  `command -v python >/dev/null || exit 127; python -c 'import sys; print("Python", sys.version_info[0])'`,
				Want:  "Python 3",
				Set:   "run python --version",
			},
		}, nil
	},
}
