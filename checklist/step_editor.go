package checklist

import (
	"strings"
	"time"
)

const vimBasic = "/usr/bin/vim.basic"

// stepEditor makes vim the default editor.
// Source: the page, "set the default editor"; update-alternatives(1). The number
// in the page's menu differs from server to server, the path does not.
var stepEditor = Step{
	ID:      "editor",
	Title:   "make vim the default editor",
	Why:     "visudo, crontab -e and the like open the editor that every admin of these servers expects",
	Limit:   time.Minute,
	Follows: []string{"packages"},
	Want: func(In) ([]Resource, error) {
		return []Resource{Setting{
			Title: "default editor",
			Step:  "packages",
			// "manual /bin/nano" or "auto /bin/nano": a restore needs both words.
			Read: "test -x " + vimBasic + " || exit 127; update-alternatives --query editor | " +
				`{ while read -r key value; do case $key in Status:) s=$value;; Value:) v=$value;; esac; done; echo "$s $v"; }`,
			Write: `read -r status path; case $status in manual) update-alternatives --set editor "$path";; ` +
				`*) update-alternatives --auto editor;; esac`,
			Want: "manual " + vimBasic,
			Set:  "run update-alternatives --set editor " + vimBasic,
			Show: showEditor,
		}}, nil
	},
}

func showEditor(v string) string {
	status, path, _ := strings.Cut(v, " ")
	if status == "auto" {
		return path + ", until a package brings one of higher priority"
	}
	return path
}
