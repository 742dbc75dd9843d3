//! Values read from bytes at any alignment.

/// The eight bytes at `start`, in the machine's order.
#[inline(always)]
pub(super) fn f8_at(bytes: &[u8], start: usize) -> f64 {
    f64::from_ne_bytes(array_at(bytes, start))
}

/// The four bytes at `start`, reversed if `SWAP`, widened.
#[inline(always)]
pub(super) fn f4_at<const SWAP: bool>(bytes: &[u8], start: usize) -> f64 {
    let bits = u32::from_ne_bytes(array_at(bytes, start));
    f64::from(f32::from_bits(if SWAP { bits.swap_bytes() } else { bits }))
}

#[inline(always)]
pub(super) fn array_at<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    *bytes[start..]
        .first_chunk()
        .expect("the value lies within its record")
}
