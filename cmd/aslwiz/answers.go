package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
)

func (a *app) answersCommand() *cobra.Command {
	var example bool
	var check string
	cmd := &cobra.Command{
		Use:   "answers (--example | --check FILE)",
		Short: "Show a documented answers file, or check one",
		Long: `An answers file holds what only a person knows about a server: how to reach it,
its name, what its firewall lets in. It never holds a password.

--check reads one and says everything that is wrong with it at once. It asks no
server.`,
		Example: `  aslwiz answers --example > stats.yaml
  aslwiz answers --check stats.yaml`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case example && check == "":
				fmt.Fprint(a.out, checklist.Example())
				return nil
			case check != "" && !example:
				s, err := loadServer(check)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s: nothing is wrong with it; the server is %s at %s\n", s.file, s.answers.FQDN(), s.answers.Host)
				return nil
			}
			return usage("`aslwiz answers --example > stats.yaml`", "answers: give --example or --check FILE")
		},
	}
	cmd.Flags().BoolVar(&example, "example", false, "print a documented answers file")
	cmd.Flags().StringVar(&check, "check", "", "check the answers in `FILE`")
	return cmd
}
