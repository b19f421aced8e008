//! Keys of script and configuration files: read their values, rewrite them in place. Text to text, never
//! touching a file itself. Python constants, JSON, YAML, TOML, INI. May use `flags` only.
