# Test helper: a window of VTE, the terminal of GNOME, for `drag_terminals.ts`. It reads one command a line: "size
# COLUMNS ROWS", "type JSON", or "text", which it answers with one line: the rows and the scrollback as JSON.
import json
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Vte", "2.91")
from gi.repository import GLib, Gtk, Vte  # noqa: E402

window = Gtk.Window()
terminal = Vte.Terminal()
terminal.set_scrollback_lines(10000)
terminal.set_size(80, 24)
window.add(terminal)
window.show_all()
terminal.spawn_async(
    Vte.PtyFlags.DEFAULT, None, sys.argv[1:], None, GLib.SpawnFlags.DEFAULT,
    None, None, -1, None, lambda *_: None,
)


def size(columns, rows):
    terminal.set_size(columns, rows)
    window.resize(*[side for side in (window.get_preferred_size()[1].width,
                                      window.get_preferred_size()[1].height)])


def command(_source, _condition):
    line = sys.stdin.readline()
    if line == "":
        Gtk.main_quit()
        return False
    name, _, rest = line.strip().partition(" ")
    if name == "size":
        size(*[int(word) for word in rest.split()])
    elif name == "type":
        terminal.feed_child(json.loads(rest).encode())
    elif name == "text":
        adjustment = terminal.get_vadjustment()
        text, _ = terminal.get_text_range(
            int(adjustment.get_lower()), 0, int(adjustment.get_upper()), terminal.get_column_count(), None)
        print(json.dumps([text, terminal.get_column_count(), terminal.get_row_count()]), flush=True)
    return True


GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, command)
terminal.connect("child-exited", lambda *_: Gtk.main_quit())
Gtk.main()
