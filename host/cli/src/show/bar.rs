//! restic's progress as a bar, below the lines of the run.

use hookward_runner::observer::Happening;
use hookward_runner::restic::messages::{Message, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

const STYLE: &str = "{bar:30} {percent:>3}%  {bytes} of {total_bytes}  {wide_msg}";

/// The bar: drawn only while restic tells of progress. Before that it may ask for a
/// password.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        // The template is a constant; a default bar is no reason to fail.
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Prints a line above the bar.
    pub(super) fn println(&self, line: &str) {
        self.0.suspend(|| output::say(line));
    }

    pub(super) fn notice(&self, happening: &Happening<'_>) {
        match happening {
            Happening::ResticMessage(Message::Status(progress)) => self.progress(progress),
            Happening::ResticEnded { .. } => {
                self.0.finish_and_clear();
                self.0.set_draw_target(ProgressDrawTarget::hidden());
                self.0.reset();
            }
            _ => {}
        }
    }

    fn progress(&self, progress: &Progress) {
        if self.0.is_hidden() {
            self.0.set_draw_target(ProgressDrawTarget::stdout());
        }
        self.0.set_length(progress.total_bytes);
        self.0.set_position(progress.bytes_done);
        let file = progress.current_files.first().map(String::as_str).unwrap_or_default();
        self.0.set_message(format!("{} of {} files  {file}", progress.files_done, progress.total_files));
    }
}
