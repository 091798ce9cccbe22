//! Randomness of the edge: ids of sandboxes, keys, MAC addresses.

use std::fmt::Write as _;

/// `N` bytes from the kernel's generator (getrandom(2)).
///
/// # Errors
/// What getrandom(2) says.
pub fn bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0_u8; N];
    let mut filled = 0;
    while filled < N {
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// `N` random bytes in lower-case hexadecimal digits.
///
/// # Errors
/// What getrandom(2) says.
pub fn hex<const N: usize>() -> std::io::Result<String> {
    let mut text = String::with_capacity(2 * N);
    for byte in bytes::<N>()? {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
