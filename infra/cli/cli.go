// Package cli is the command line: one file a command. It reads words and prints answers; the work is elsewhere.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitDone  = 0
	exitBad   = 1 // the thing asked about is bad or failed
	exitUsage = 2
)

// commands is the whole command line.
type commands struct {
	Dev     devCmd     `cmd:"" help:"Everything in one process on loopback: edge, event log, functions, page, demo tenant."`
	Edge    edgeCmd    `cmd:"" help:"The edge alone, for production."`
	Fn      fnCmd      `cmd:"" help:"One or several functions as consumers and HTTP servers."`
	Check   checkCmd   `cmd:"" help:"Validate verb documents and configuration files."`
	Call    callCmd    `cmd:"" help:"A phone in the terminal: call, or wait for a call."`
	Calls   callsCmd   `cmd:"" help:"Live calls, or one call's timeline."`
	Events  eventsCmd  `cmd:"" help:"Print events, follow them, or replay dead letters."`
	Verbs   verbsCmd   `cmd:"" help:"The reference of the verbs."`
	Config  configCmd  `cmd:"" help:"Print the configuration in force, secrets hidden."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// errBad ends with exit code 1 and says nothing more: what is wrong was printed.
var errBad = errors.New("bad")

// usage is an error of the words on the command line.
type usage struct{ error }

// Main runs a command line and gives the exit code.
func Main(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	code := -1
	parser, err := kong.New(&c, kong.Name("offhook"), kong.Description("Event-driven call routing."),
		kong.Writers(out, errs), kong.Exit(func(n int) { code = n }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(out, (*io.Writer)(nil)))
	if err != nil {
		fmt.Fprintln(errs, "offhook:", err)
		return exitUsage
	}
	if len(args) == 0 || args[0] == "help" {
		args = append(args[min(1, len(args)):], "--help")
	}
	k, err := parser.Parse(args)
	if code >= 0 { // help was asked for
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(errs, "offhook:", misused(err))
		return exitUsage
	}
	return exitCode(k.Run(), errs)
}

// misused says what is wrong with a command line, and where to read on.
func misused(err error) string {
	said, help := err.Error(), "offhook --help"
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil && p.Context.Selected() != nil {
		help = "offhook " + strings.Fields(p.Context.Selected().Path())[0] + " --help"
	} else if word, ok := strings.CutPrefix(said, "unexpected argument "); ok {
		said = "there is no command " + word
	}
	return said + "\n" + `Run "` + help + `" to see what there is.`
}

func exitCode(err error, errs io.Writer) int {
	var u usage
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &u):
		fmt.Fprintln(errs, "offhook:", err)
		return exitUsage
	case !errors.Is(err, errBad):
		fmt.Fprintln(errs, "offhook:", err)
	}
	return exitBad
}
