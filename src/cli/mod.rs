//! The `gage` command: arguments, one file per command. Everything it decides is decided below it.
