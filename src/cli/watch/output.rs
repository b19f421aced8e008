//! The output of one run, read on as it grows.

use std::fs::File;
use std::io::{self, Read};

use crate::run::Run;

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

/// The output of a run as far as it has been read. A run that is deleted meanwhile can be read to its end.
pub struct Output {
    run: Run,
    file: Option<File>,
    piece: Vec<u8>,
}

impl Output {
    pub fn new(run: &Run) -> Output {
        Output {
            run: run.clone(),
            file: None,
            piece: Vec::new(),
        }
    }

    /// The next bytes; none when there is nothing more as yet.
    pub fn next(&mut self) -> io::Result<&[u8]> {
        if self.file.is_none() {
            // A run that has not started has no output yet.
            self.file = File::open(self.run.meta("output/40_run")).ok();
        }
        let Some(file) = &mut self.file else { return Ok(&[]) };
        self.piece.resize(PIECE, 0);
        loop {
            match file.read(&mut self.piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Ok(&self.piece[..read?]),
            }
        }
    }
}
