//! What `docs/reliability.md` promises, shown on real batches: kills at random moments and at every system call,
//! power cuts, full disks, directories that go away, limits of the machine. The scripts beside this file take their
//! number of rounds as an argument; here they run a few each.

mod lacking;
mod scripts;
mod side_by_side;
mod study;
