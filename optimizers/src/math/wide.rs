//! Plain loops over slices, compiled once more for the wider registers that a processor may have, and chosen at run time.
//! Must stay plain: how wide the registers are differs between processors, what comes out of them may not.

use pulp::Arch;

/// What `body` returns. Its loops use the wider registers only if all they call is inlined.
#[inline(always)]
pub fn wide<R>(body: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(body)
}
