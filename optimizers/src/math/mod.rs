//! The numerical pieces that several optimizers share. Nothing here knows of trials or studies.
