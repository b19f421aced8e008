//! What people see: tables, JSON, progress. Receives rows and events only; never looks into stores or executors.
