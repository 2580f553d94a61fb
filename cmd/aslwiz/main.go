// Command aslwiz provisions AllStarLink servers by the wiki's page, over SSH.
//
// Each command is in the file of its name. Standard output carries a command's
// answer, standard error the talk. What a command ends with is in exit.go.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, in, out, err *os.File) int {
	a := newApp(in, out, err)
	ctx, stop := a.interrupts.listen(ctx)
	defer stop()
	root := a.rootCommand()
	root.SetArgs(args)
	return a.finish(ctx, root.ExecuteContext(ctx))
}
