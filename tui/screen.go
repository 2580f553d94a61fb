package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// screen is one page of the wizard. It draws itself as a block of text; only the
// wizard is a model.
type screen interface {
	// title is what the screen is called in its head line.
	title() string
	// update takes a key or a message of the engine.
	update(msg tea.Msg) tea.Cmd
	// view draws the screen in a width and height.
	view(w, h int) []string
	// keys are the bindings to show, the most useful first.
	keys() []key.Binding
}

// typing is a screen on which letters are text and no commands.
type typing interface{ typing() bool }

// stepped is a screen that belongs to a step; the list marks it.
type stepped interface{ stepID() string }

// leaver is a screen that wants to know that it is left by Back.
type leaver interface{ leave() tea.Cmd }
