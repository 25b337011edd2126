//! The terminal while the view is on it: taken, drawn to, listened to, and given back however the run ends.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::frame::Frame;
use super::view::{self, Theme};

/// The terminal. Dropping it gives the terminal back; a panic does too, by the hook that taking it has set.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: DefaultTerminal,
    theme: Theme,
}

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End now.
    Quit,
    /// Pause, or go on.
    Pause,
    /// The window has changed.
    Redraw,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it can't be put into raw mode.
    pub(super) fn take(colours: bool) -> io::Result<Self> {
        Ok(Self {
            terminal: ratatui::try_init()?,
            theme: Theme::new(colours),
        })
    }

    /// Draws one moment.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, frame: &Frame) -> io::Result<()> {
        let theme = self.theme;
        self.terminal
            .draw(|canvas| view::draw(canvas, frame, &theme))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The next wish that has been typed already; never waits.
///
/// # Errors
/// When the terminal is gone.
pub(super) fn wish() -> io::Result<Option<Wish>> {
    while event::poll(Duration::ZERO)? {
        if let Some(wish) = wish_of(&event::read()?) {
            return Ok(Some(wish));
        }
    }
    Ok(None)
}

fn wish_of(event: &Event) -> Option<Wish> {
    let key = match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        Event::Resize(..) => return Some(Wish::Redraw),
        _ => return None,
    };
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        // In raw mode Ctrl-C is a key like any other.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char(' ') => Some(Wish::Pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn q_escape_and_control_c_quit_space_pauses_and_the_rest_does_nothing() {
        let none = KeyModifiers::NONE;
        for (event, wish) in [
            (key(KeyCode::Char('q'), none), Some(Wish::Quit)),
            (key(KeyCode::Esc, none), Some(Wish::Quit)),
            (
                key(KeyCode::Char('c'), KeyModifiers::CONTROL),
                Some(Wish::Quit),
            ),
            (key(KeyCode::Char('c'), none), None),
            (key(KeyCode::Char(' '), none), Some(Wish::Pause)),
            (Event::Resize(80, 24), Some(Wish::Redraw)),
            (Event::FocusLost, None),
        ] {
            assert_eq!(wish_of(&event), wish, "{event:?}");
        }
    }
}
